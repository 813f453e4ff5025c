// What may come back is read from the ticket's words when somebody wants to know, and not before.
import { stale } from "./regions.js";

document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.("[data-return-opener]") || !target.open) return;
  const region = target.querySelector("[data-return-form]");
  if (!region) return;
  region.dataset.src = region.dataset.returnForm; // only now: a page that is looked at again says nothing of it
  stale([region.id]);
}, true);

// It is written down: the list above it says so, and the form is done with.
document.addEventListener("desk:sent", ({ detail: { form } }) => {
  if (form.matches(".return-form")) form.closest("[data-return-opener]")?.removeAttribute("open");
});
