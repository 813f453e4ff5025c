// What is being written stays on this device, per ticket and kind, until it was sent.
import { phrase } from "./phrases.js";

const key = (form) => `draft:${document.body.dataset.agent}:${form.dataset.draft}`;
const field = (form) => form.elements.body;

function restore(form) {
  const kept = localStorage.getItem(key(form));
  const laid = field(form).value; // by the server, which answered an address that asked for a draft
  if (!kept || (laid && (laid !== field(form).defaultValue || laid === kept))) return;
  field(form).value = laid ? `${kept}\n\n${laid}` : kept;
  said(form, phrase("draft"));
  field(form).dispatchEvent(new Event("desk:grow", { bubbles: true }));
}

function said(form, words) {
  const place = form.closest("[data-compose]")?.querySelector("[data-draft-said]");
  if (place) place.textContent = words;
}

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.("form[data-draft]");
  if (!form || target !== field(form)) return;
  try {
    if (target.value) localStorage.setItem(key(form), target.value);
    else localStorage.removeItem(key(form));
    said(form, target.value ? phrase("draft") : "");
  } catch {
    said(form, ""); // a full or forbidden store: the words are still in the box
  }
});

document.addEventListener("desk:sent", ({ detail: { form } }) => {
  if (!form.dataset.draft) return;
  localStorage.removeItem(key(form));
  form.reset();
  said(form, "");
  form.dispatchEvent(new CustomEvent("desk:emptied", { bubbles: true }));
});

const restoreAll = (root) => root.querySelectorAll?.("form[data-draft]").forEach(restore);
document.addEventListener("desk:renewed", ({ detail: { root } }) => restoreAll(root));
restoreAll(document);
