// A form that comes back refused is shown where it is wrong, though that stands screens below its head: the first such
// field has the focus. Whoever is typing already is left alone.
const wrong = document.querySelector("main form :is([aria-invalid=true], .field-error)");
if (wrong && document.activeElement.matches("body, [autofocus]")) {
  wrong.closest("details")?.setAttribute("open", "");
  wrong.focus({ preventScroll: true });
  wrong.scrollIntoView({ block: "center" });
}
