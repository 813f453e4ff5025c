// What was just done, with its way back: it stays while the pointer or the focus is on it, and leaves by itself later.
// Once it left, the region it stands in does not bring it back. Besides: small forms that begin
// anew once they are sent, and a form that was refused, which shows what is wrong beside each field.
import { morph } from "./morph.js";

const STAY = 30000;
const begun = new Map(); // event -> when it was first shown
const left = new Set();

function look() {
  for (const done of document.querySelectorAll("[data-done]")) {
    const event = done.dataset.done;
    done.hidden = left.has(event);
    done.querySelector("[data-done-close]").hidden = false;
    if (begun.has(event)) continue;
    begun.set(event, performance.now());
    setTimeout(() => leave(event), STAY);
  }
}

function leave(event) {
  const done = document.querySelector(`[data-done="${event}"]`);
  if (done?.matches(":hover, :focus-within")) {
    setTimeout(() => leave(event), 5000);
    return;
  }
  left.add(event);
  if (done) done.hidden = true;
}

document.addEventListener("click", ({ target }) => {
  const done = target.closest?.("[data-done-close]")?.closest("[data-done]");
  if (!done) return;
  left.add(done.dataset.done);
  done.hidden = true;
});

document.addEventListener("desk:sent", ({ detail: { form } }) => {
  if (form.matches("[data-clears]")) form.reset();
});

document.addEventListener("desk:halted", (event) => {
  const { form, page } = event.detail;
  const present = document.querySelector("[data-fields-form]");
  const fresh = page.querySelector("[data-fields-form]");
  if (!present || !fresh || (form !== present && !form.querySelector("[data-resolve]"))) return;
  if (form === present) event.preventDefault(); // else what cannot be done is said besides
  // What is typed stays as it is; the errors are put beside it.
  morph(present, document.importNode(fresh, true));
  present.querySelector('[aria-invalid="true"]')?.focus();
});

document.addEventListener("desk:renewed", look);
look();
