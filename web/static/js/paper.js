// On paper nothing is folded, also where the style sheet cannot say so.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details.fold:not([open])")) fold.toggleAttribute("data-opened", (fold.open = true));
});
addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll("details.fold[data-opened]")) {
    fold.open = false;
    fold.removeAttribute("data-opened");
  }
});
