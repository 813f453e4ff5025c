// A menu is a <details>; it closes on Escape, on a click elsewhere, and when the focus leaves it.
const opened = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", ({ target }) => {
  for (const menu of opened()) if (!menu.contains(target)) menu.open = false;
});
let isPressed = false; // what moved away between press and release would not be clicked, so the click closes it
document.addEventListener("mousedown", () => (isPressed = true));
document.addEventListener("mouseup", () => (isPressed = false));
document.addEventListener("focusin", ({ target }) => {
  for (const menu of opened()) if (!menu.contains(target) && !isPressed) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of opened()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-help]")) document.getElementById("help")?.showModal();
});
