// A call's note is saved as it is typed: half a second after the last stroke, one request at a time, the latest words
// always last. A card whose call ends meanwhile keeps what was typed.
import { phrase } from "./phrases.js";

const PAUSE = 500;
const waiting = new Map();

document.addEventListener("input", ({ target, isComposing }) => {
  const form = target.closest?.("[data-save-note]");
  if (!form || isComposing) return;
  later(form);
});
document.addEventListener("compositionend", ({ target }) => {
  const form = target.closest?.("[data-save-note]");
  if (form) later(form);
});
document.addEventListener("focusout", ({ target }) => {
  const form = target.closest?.("[data-save-note]");
  if (form && waiting.has(form)) save(form);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-save-note]");
  if (!form) return;
  event.preventDefault();
  save(form);
});
addEventListener("pagehide", () => {
  for (const form of waiting.keys()) navigator.sendBeacon(form.dataset.saveNote, new URLSearchParams(new FormData(form)));
});

function later(form) {
  clearTimeout(waiting.get(form));
  waiting.set(form, setTimeout(() => save(form), PAUSE));
}

async function save(form) {
  clearTimeout(waiting.get(form));
  waiting.delete(form);
  if (form.dataset.saving) return later(form);
  form.dataset.saving = "yes";
  const field = form.elements.note;
  const words = field.value;
  try {
    const answer = await fetch(form.dataset.saveNote, {
      method: "POST",
      headers: { "X-Desk-Save": "note" },
      body: new URLSearchParams({ note: words }),
    });
    if (answer.ok) field.defaultValue = words;
    said(form, phrase(answer.ok ? "saved" : "failed"));
  } catch {
    said(form, phrase("failed"));
    later(form);
  } finally {
    delete form.dataset.saving;
  }
}

function said(form, words) {
  const place = form.querySelector("[data-saved]");
  if (place) place.textContent = words;
}
