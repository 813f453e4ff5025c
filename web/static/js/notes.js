// A call's note is saved as it is typed, while talking and after: half a second after the last stroke, one request at a
// time, the latest words always last. The box stays the same when the caller hangs up. A copy stays on this device until
// the desk has the words, so that a desk out of reach loses none. Each save says what this page had seen of the note: the
// desk puts what another window wrote meanwhile before it, and windows of one browser tell each other.
import { phrase } from "./phrases.js";

const PAUSE = 500;
const AGAIN = 3000; // where the desk did not answer
const LONGEST = 10000; // a line that is dead may say nothing for minutes
const REFUSED = [403, 404, 409]; // it will never be taken
const { agent } = document.body.dataset;
const others = "BroadcastChannel" in window && agent ? new BroadcastChannel(`notes-${agent}`) : null;
const waiting = new Map(); // form -> its timer
const saving = new WeakMap(); // form -> what is on its way
const known = new WeakMap(); // field -> the note as the desk and this page last had it alike, and what was sent since
const past = new WeakMap(); // field -> every note the desk had as this page knew it: a card that brings one of them comes late

const formOf = (target) => (target.name === "note" ? target.closest?.("[data-save-note]") : null);
const field = (form) => form.elements.note;
const key = (form) => `note:${agent}:${form.dataset.saveNote}`;

function knows(box, note) {
  known.set(box, [note]);
  past.set(box, (past.get(box) ?? new Set()).add(note));
}

function told(form) {
  const box = field(form);
  const [base, ...sent] = known.get(box);
  known.set(box, [...new Set([base, ...sent.slice(-1), box.value])]);
  return new URLSearchParams([["note", box.value], ...[base, ...sent].map((one) => ["seen", one])]);
}

document.addEventListener("input", ({ target, isComposing }) => {
  const form = formOf(target);
  if (!form) return;
  copy(form);
  if (!isComposing) later(form);
});
document.addEventListener("compositionend", ({ target }) => {
  const form = formOf(target);
  if (form) later(form);
});
document.addEventListener("focusout", ({ target }) => {
  const form = formOf(target);
  if (form && waiting.has(form)) save(form);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-save-note]");
  if (!form) return;
  if (form.matches("[data-quick]")) return rest(form); // the note goes with the outcome
  event.preventDefault();
  save(form);
});
document.addEventListener("desk:sending", ({ detail: { form, data, waits } }) => {
  if (!form.matches("[data-save-note]")) return;
  waits.push(Promise.resolve(saving.get(form)).then(() => known.get(field(form)).forEach((one) => data.append("seen", one))));
});
document.addEventListener("desk:sent", ({ detail: { form } }) => form.matches("[data-save-note]") && localStorage.removeItem(key(form)));
addEventListener("pagehide", () => {
  for (const form of waiting.keys()) navigator.sendBeacon(form.dataset.saveNote, told(form));
});

// What was saved stays, too: the next page may have been on its way here before.
function copy(form, saved = false, seen = known.get(field(form))) {
  try {
    localStorage.setItem(key(form), JSON.stringify({ text: field(form).value, seen, saved }));
  } catch {
    // a full or forbidden store: the words are still in the box
  }
}

function rest(form) {
  clearTimeout(waiting.get(form));
  waiting.delete(form);
}

function later(form, pause = PAUSE) {
  clearTimeout(waiting.get(form));
  waiting.set(form, setTimeout(() => save(form), pause));
}

function save(form) {
  rest(form);
  if (!form.isConnected) return;
  if (saving.has(form)) return later(form);
  saving.set(form, store(form).finally(() => saving.delete(form)));
}

async function store(form) {
  const box = field(form);
  const words = box.value;
  try {
    const answer = await fetch(form.dataset.saveNote, { method: "POST", headers: { "X-Desk-Save": "note" }, body: told(form), signal: AbortSignal.timeout(LONGEST) });
    if (REFUSED.includes(answer.status)) return said(form, phrase("failed"));
    if (!answer.ok || answer.redirected) throw new Error("not kept");
    const { note } = await answer.json();
    adopt(form, words, note);
    others?.postMessage({ place: form.dataset.saveNote, note });
    said(form, phrase(note === words ? "saved" : "note_joined"));
  } catch {
    said(form, phrase("note_here"));
    later(form, AGAIN);
  }
}

// The desk has this now. What was typed since stays behind it.
function adopt(form, before, note) {
  const box = field(form);
  const had = known.get(box);
  const goesOn = box.value.startsWith(before);
  knows(box, goesOn ? note : before);
  if (box.value !== before) {
    if (goesOn && note !== before) fill(box, note + box.value.slice(before.length));
    return;
  }
  if (box.value !== note) fill(box, note);
  box.defaultValue = note;
  copy(form, true, had);
}

function fill(box, words) {
  box.value = words;
  box.dispatchEvent(new Event("desk:grow", { bubbles: true }));
}

others?.addEventListener("message", ({ data: { place, note } }) => {
  const form = document.querySelector(`[data-save-note="${place}"]`);
  if (form && field(form).value === known.get(field(form))[0]) adopt(form, field(form).value, note);
});

// Boxes as they come: one nobody has typed into shows what the desk has, unless this device has later words.
function begin() {
  for (const form of document.querySelectorAll("[data-save-note]")) {
    const box = field(form);
    if (known.has(box)) look(box);
    else {
      knows(box, box.defaultValue);
      if (box.value !== box.defaultValue) later(form); // typed before this ran
      else restore(form, box);
    }
  }
}

function look(box) {
  const [base] = known.get(box);
  const isTyped = ![base, box.defaultValue].includes(box.value);
  if (isTyped || box.defaultValue === base) return;
  const note = past.get(box).has(box.defaultValue) ? base : box.defaultValue;
  knows(box, note);
  box.defaultValue = note;
  if (box.value !== note) fill(box, note);
}

function restore(form, box) {
  const kept = JSON.parse(localStorage.getItem(key(form)) ?? "null");
  if (!kept || kept.text === box.value || (kept.saved && !kept.seen.includes(box.value))) return; // or the desk has later ones
  known.set(box, kept.seen);
  fill(box, kept.text);
  if (!kept.saved) said(form, phrase("note_here"));
  later(form);
}

function said(form, words) {
  const place = form.querySelector("[data-saved]");
  if (place && place.textContent !== words) place.textContent = words;
}

document.addEventListener("desk:renewed", begin);
begin();
for (const name of Object.keys(localStorage)) { // of calls that are over
  const [kind, , place] = name.split(":");
  const isOver = kind === "note" && !document.querySelector(`[data-save-note="${place}"]`);
  if (isOver && JSON.parse(localStorage.getItem(name)).saved) localStorage.removeItem(name);
}
