// What is wrong with one field of a form that is sent by script is said below it, until something else is typed there; the
// focus goes there.
document.addEventListener("desk:refused", (event) => {
  const { form, name, words } = event.detail;
  const named = name && [...form.elements].filter((one) => one.name === name || one.name.endsWith(`_${name}`));
  const isOfMode = (one) => !one.closest("[data-when]") || getComputedStyle(one.closest("[data-when]")).display !== "none";
  const field = named?.find((one) => one.matches("input:not([type=hidden]), textarea") && isOfMode(one));
  if (!field) return;
  event.preventDefault();
  field.closest("details:not([open])")?.setAttribute("open", "");
  const line = Object.assign(document.createElement("p"), { className: "field-error", id: `${form.id || name}-error`, textContent: words });
  line.setAttribute("role", "alert");
  document.getElementById(line.id)?.remove();
  (field.closest("label") ?? field).after(line);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", line.id);
  field.focus();
  field.addEventListener("input", () => {
    line.remove();
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }, { once: true });
});

// A line that the desk did not take stands where it was written, before what was written there since.
document.addEventListener("desk:unsent", ({ detail: { form, data } }) => {
  for (const [name, words] of data) {
    const field = form.elements[name];
    if (field?.matches?.("input:not([type=hidden])")) field.value = [words, field.value].filter(Boolean).join(" ");
  }
});

// A form that comes back refused is shown where it is wrong, though that stands screens below its head: the first such
// field has the focus. Whoever is typing already is left alone.
const wrong = document.querySelector("main form :is([aria-invalid=true], .field-error)");
if (wrong && document.activeElement.matches("body, [autofocus]")) {
  wrong.closest("details")?.setAttribute("open", "");
  wrong.focus({ preventScroll: true });
  wrong.scrollIntoView({ block: "center" });
}
