// Similar solved tickets are looked for after the ticket stands on the screen. Their answers can be laid into the reply
// box, below what is already written there; nothing is ever sent from here.
import { announce } from "./notices.js";
import { stale } from "./regions.js";

// A region that only says where its contents are: fetch them once.
function fetchWaiting(root) {
  const waiting = [...(root.querySelectorAll?.("[data-fetch]") ?? [])].filter((region) => !region.dataset.fetched);
  for (const region of waiting) region.dataset.fetched = "yes";
  if (waiting.length) stale(waiting.map((region) => region.id));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-use-answer]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const field = document.getElementById(`reply-${link.dataset.useAnswer}`);
  const said = link.closest("li").querySelector("template[data-answer-said]");
  const answer = link.closest("li").querySelector("template[data-answer]");
  if (!field || !answer) return;
  event.preventDefault();
  lay(field, answer.content.textContent);
  announce(said.content.textContent.trim());
  if (location.hash.startsWith("#side-")) location.hash = `#ticket-${link.dataset.useAnswer}`;
});

function lay(field, words) {
  const typed = field.value.trimEnd();
  field.value = typed ? `${typed}\n\n${words}` : words;
  const mode = field.closest("[data-compose]").querySelector('[data-compose-mode]:not([value="note"])');
  if (mode && field.closest("[data-compose]").querySelector('[value="note"]:checked')) mode.click();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  const start = field.value.length - words.length;
  field.setSelectionRange(start, start);
}

// What an address laid into the box counts as typed, or the next renewal would take it away again. What the desk has
// kept of it comes with every renewal.
const isKept = (form) => form.dataset.draftVersion && !/[?&](?:again|draft|canned)=/.test(location.search);

function adopt(root) {
  for (const field of root.querySelectorAll?.("form[data-draft] textarea") ?? []) {
    if (!field.defaultValue || field.dataset.adopted || isKept(field.form)) continue;
    const words = field.value;
    field.dataset.adopted = "yes";
    field.defaultValue = "";
    field.value = words;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

document.addEventListener("desk:renewed", ({ detail: { root } }) => {
  adopt(root);
  fetchWaiting(root);
});
adopt(document);
fetchWaiting(document);
