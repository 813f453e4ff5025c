// Canned replies in the reply box: chosen from a list that can be searched, or from what a slash offers in the box itself,
// or expanded where /trigger is typed. While an input method is composing, and until one tick after, no key is ours. What
// is laid in can be taken back with Ctrl+Z.
import { isComposing } from "./keys.js";
import { fold, suggest } from "./suggestions.js";

const TYPED = /(^|\s)[/／]([^\s/／]{1,30})$/u;
const BEGUN = /(?:(?:^|\n)[/／]|(?:^|\s)[/／]([^\s/／]{1,30}))$/u; // alone it says so only where a line begins
const MOST = 8;
const loads = new WeakMap();
const visited = new WeakSet();
const restored = new WeakSet();
const steps = new WeakMap(); // form -> what was laid in, with the box's text before and after

const formOf = (element) => element.closest?.("form[data-draft], form[data-lays]");
const pickerOf = (form) => form?.querySelector("details[data-canned]");
const fieldOf = (form) => form.elements.body;
const offersOf = (picker) => [...picker.querySelectorAll("[data-canned-offer]")];
const titleOf = (offer) => offer.querySelector(".canned-title").firstChild.textContent.trim();
const wordsOf = (offer) => offer.querySelector("template[data-canned-text]").content.textContent;
const key = (form) => `canned:${document.body.dataset.agent}:${form.dataset.draft}`;

// The list, fetched when the box is first used and again whenever the list is opened.
function load(picker, { again = false } = {}) {
  if (!loads.has(picker) || again) loads.set(picker, fetchInto(picker).catch(() => loads.delete(picker)));
  return loads.get(picker);
}

async function fetchInto(picker) {
  const address = new URL(picker.dataset.canned, location.href);
  const queue = formOf(picker)?.elements.queue_id?.value;
  if (queue) address.searchParams.set("queue_id", queue); // of a new mail, as chosen by now
  const answer = await fetch(address, { headers: { "X-Region": "canned" } });
  if (!answer.ok || answer.redirected) throw new Error("no list");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  picker.querySelector("[data-canned-here]").replaceChildren(document.importNode(page.querySelector(".canned-offers"), true));
  filter(picker);
  fit(picker);
}

// The few that may fit stand below the box themselves, a press away, while nothing was laid in.
function fit(picker) {
  const place = formOf(picker).querySelector("[data-canned-fit]");
  const fitting = offersOf(picker).filter(({ dataset }) => "fit" in dataset);
  place.replaceChildren(
    ...fitting.map((offer) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "chip-button";
      button.textContent = titleOf(offer);
      button.title = wordsOf(offer).trim().slice(0, 300);
      button.addEventListener("click", () => choose(offer));
      return button;
    }),
  );
  place.hidden = !fitting.length || Boolean(formOf(picker).querySelector("input[name=canned]"));
}

function filter(picker) {
  const words = fold(picker.querySelector("[data-canned-search]").value).split(/\s+/).filter(Boolean);
  for (const offer of offersOf(picker)) {
    const text = fold(`${offer.querySelector(".canned-title").textContent} ${offer.dataset.titles} ${wordsOf(offer)}`);
    offer.hidden = !words.every((word) => text.includes(word));
  }
}

// --- laying in

function lay(form, offer, start, end) {
  const field = fieldOf(form);
  const text = wordsOf(offer);
  const before = field.value;
  form.querySelector("[data-canned-fit]").hidden = true;
  field.focus();
  field.setSelectionRange(start, end);
  // The old command is the one way of typing that the browser's own undo knows.
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, start, end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (remember(form, offer)) steps.set(form, [...(steps.get(form) ?? []), { offer, before, after: field.value, is: "in" }]);
  const gap = gapsIn(form, text)[0];
  const at = start + (gap ? text.indexOf(gap) : text.length);
  field.setSelectionRange(at, at + (gap?.length ?? 0));
}

function remember(form, offer, { files = null } = {}) {
  const place = form.querySelector("[data-canned-laid]");
  const id = offer.dataset.cannedOffer;
  if ([...place.querySelectorAll("input[name=canned]")].some((input) => input.value === id)) return false;
  const input = document.createElement("input");
  Object.assign(input, { type: "hidden", name: "canned", value: id });
  place.prepend(input);
  const kept = offer.querySelector("template[data-canned-files]").content.cloneNode(true);
  if (kept.querySelector("li")) {
    let list = place.querySelector("ul");
    if (!list) {
      list = document.createElement("ul");
      list.className = "compose-files";
      place.querySelector("[data-canned-gaps]").before(list);
    }
    for (const item of kept.querySelectorAll("li")) item.dataset.of = id;
    for (const box of kept.querySelectorAll("input")) if (files && !files.includes(box.value)) box.checked = false;
    list.append(kept);
  }
  keep(form);
  return true;
}

// Ctrl+Z and its opposite take files and count along with the words.
function follow(form, inputType) {
  const text = fieldOf(form).value;
  const taken = steps.get(form) ?? [];
  const step =
    inputType === "historyUndo"
      ? taken.findLast(({ is, before }) => is === "in" && before === text)
      : taken.find(({ is, after }) => is === "out" && after === text);
  if (!step) return;
  step.is = step.is === "in" ? "out" : "in";
  if (step.is === "in") remember(form, step.offer);
  else leave(form, step.offer.dataset.cannedOffer);
}

function leave(form, id) {
  const place = form.querySelector("[data-canned-laid]");
  for (const input of place.querySelectorAll("input[name=canned]")) if (input.value === id) input.remove();
  for (const item of place.querySelectorAll("li")) if (item.dataset.of === id) item.remove();
  for (const list of place.querySelectorAll("ul")) if (!list.children.length) list.remove();
  keep(form);
}

// What is laid in survives with the draft it belongs to: on any machine with what the desk has kept, and here with words
// that never reached it (drafts.js).
function begun(form) {
  const { draft, draftVersion, draftCanned, draftCannedFiles } = form.dataset;
  if (!draftVersion || localStorage.getItem(`draft:${document.body.dataset.agent}:${draft}`)) return JSON.parse(localStorage.getItem(key(form)));
  return draftCanned ? { ids: draftCanned.split(" "), files: draftCannedFiles.split(" ") } : null;
}

function keep(form) {
  if (!form.dataset.draft || form.matches("[data-lays]")) return; // a new mail goes with its page
  const place = form.querySelector("[data-canned-laid]");
  const values = (selector) => [...place.querySelectorAll(selector)].map((input) => input.value);
  const laid = { ids: values("input[name=canned]"), files: values("input[name=canned_file]:checked") };
  try {
    if (laid.ids.length) localStorage.setItem(key(form), JSON.stringify(laid));
    else localStorage.removeItem(key(form));
  } catch {
    // a full or forbidden store: it is still in the form
  }
}

async function restore(form) {
  const picker = pickerOf(form);
  const laid = picker && begun(form);
  if (!laid || restored.has(form)) return;
  restored.add(form);
  if (!fieldOf(form).value) {
    localStorage.removeItem(key(form));
    return;
  }
  await load(picker);
  for (const offer of offersOf(picker)) if (laid.ids.includes(offer.dataset.cannedOffer)) remember(form, offer, { files: laid.files });
  tellGaps(form);
}

function forget(form) {
  const place = form.querySelector("[data-canned-laid]");
  if (!place) return;
  steps.delete(form);
  place.querySelectorAll("input[name=canned], ul").forEach((element) => element.remove());
  localStorage.removeItem(key(form));
  tellGaps(form);
}

// --- gaps

function gapsIn(form, text) {
  const marks = pickerOf(form)?.querySelector("[data-marks]")?.dataset.marks.split("\n") ?? [];
  return marks.filter((mark) => text.includes(mark)).sort((one, other) => text.indexOf(one) - text.indexOf(other));
}

function tellGaps(form) {
  const note = form.querySelector("[data-canned-gaps]");
  if (!note || !pickerOf(form).querySelector("[data-marks]")) return;
  const gaps = gapsIn(form, fieldOf(form).value);
  note.hidden = !gaps.length;
  note.querySelector("[data-canned-gap-list]").replaceChildren(
    ...gaps.map((gap) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.gap = button.textContent = gap;
      return button;
    }),
  );
}

// --- by a slash

// In the order of the list, those whose short word begins with what was typed before those that have it in their name.
function offerTyped(form) {
  const field = fieldOf(form);
  const isCaret = field === document.activeElement && field.selectionStart === field.selectionEnd;
  const typed = isCaret ? BEGUN.exec(field.value.slice(0, field.selectionEnd)) : null;
  const words = fold(typed?.[1] ?? "");
  const rank = ({ dataset }) => (fold(dataset.trigger) === words ? 0 : fold(dataset.trigger).startsWith(words) ? 1 : 2);
  const isMeant = (offer) => rank(offer) < 2 || fold(`${titleOf(offer)} ${offer.dataset.titles}`).includes(words);
  const found = typed ? offersOf(pickerOf(form)).filter(isMeant) : [];
  if (words) found.sort((one, other) => rank(one) - rank(other));
  const shown = found.slice(0, MOST);
  suggest(field, "canned-typed", shown.map(line), (number) => {
    const end = field.selectionEnd;
    lay(form, shown[number], end - (typed[1]?.length ?? 0) - 1, end);
  });
}

function line(offer) {
  const { trigger } = offer.dataset;
  const said = Object.assign(document.createElement("span"), { textContent: trigger && `/${trigger}` });
  return [Object.assign(document.createElement("b"), { textContent: titleOf(offer) }), " ", said];
}

// --- by hand

document.addEventListener("toggle", async ({ target }) => {
  if (!target.matches?.("details[data-canned]") || !target.open) return;
  const search = target.querySelector("[data-canned-search]");
  search.closest("label").hidden = false;
  await load(target, { again: true });
  search.focus();
}, true);

document.addEventListener("click", (event) => {
  const gap = event.target.closest?.("[data-gap]");
  if (gap) {
    const field = fieldOf(formOf(gap));
    const at = field.value.indexOf(gap.dataset.gap);
    field.focus();
    if (at >= 0) field.setSelectionRange(at, at + gap.dataset.gap.length);
    return;
  }
  const link = event.target.closest?.("details[data-canned] .canned-offer a");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  choose(link.closest("[data-canned-offer]"));
});

function choose(offer) {
  const form = formOf(offer);
  const { selectionStart, selectionEnd, value } = fieldOf(form);
  pickerOf(form).open = false;
  if (visited.has(fieldOf(form))) lay(form, offer, selectionStart, selectionEnd);
  else lay(form, offer, value.length, value.length); // no caret was ever put anywhere
}

document.addEventListener("input", (event) => {
  const { target } = event;
  if (target.matches?.("[data-canned-search]")) filter(target.closest("details"));
  if (target.name === "canned_file") keep(formOf(target));
  const form = formOf(target);
  if (!form || !pickerOf(form) || target !== fieldOf(form)) return;
  if (event.inputType === "historyUndo" || event.inputType === "historyRedo") follow(form, event.inputType);
  tellGaps(form);
  if (event.inputType === "insertText" && /^[ \u3000]$/.test(event.data ?? "") && !isComposing(event)) expand(form, 1);
  offerTyped(form);
});

document.addEventListener("change", ({ target }) => {
  const picker = target.name === "queue_id" && pickerOf(formOf(target));
  if (picker) loads.delete(picker); // another queue's come first now
});

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (isComposing(event)) return;
  if (target.closest?.("details[data-canned] .canned-sheet")) return walk(event);
  const form = formOf(target);
  if (!form || target !== fieldOf(form) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if ((event.key === "Enter" || event.key === "Tab") && expand(form, 0)) event.preventDefault();
});

// True where what stands before the caret is the short word of a canned reply. `behind`: characters typed since.
function expand(form, behind) {
  const field = fieldOf(form);
  if (field.selectionStart !== field.selectionEnd) return false;
  const end = field.selectionEnd;
  const typed = TYPED.exec(field.value.slice(0, end - behind));
  const offer = typed && offersOf(pickerOf(form)).find(({ dataset }) => dataset.trigger && fold(dataset.trigger) === fold(typed[2]));
  if (!offer) return false;
  lay(form, offer, end - behind - typed[2].length - 1, end);
  return true;
}

// Inside the list: arrows walk, Enter in the search takes the first, and never sends the mail.
function walk(event) {
  const picker = event.target.closest("details");
  const shown = offersOf(picker).filter((offer) => !offer.hidden);
  const at = shown.findIndex((offer) => offer.contains(document.activeElement));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    (shown[next]?.querySelector("a") ?? (next < 0 ? picker.querySelector("[data-canned-search]") : null))?.focus();
  } else if (event.key === "Enter" && event.target.matches("[data-canned-search]")) {
    event.preventDefault();
    if (shown[0]) choose(shown[0]);
  }
}

document.addEventListener("focusin", ({ target }) => {
  const form = formOf(target);
  const picker = form && target === fieldOf(form) ? pickerOf(form) : null;
  if (picker) visited.add(target);
  if (picker) load(picker).then(() => (tellGaps(form), offerTyped(form)));
});
document.addEventListener("desk:emptied", ({ target }) => target.matches?.("form[data-draft]") && forget(target));
const restoreAll = (root) => root.querySelectorAll?.("form[data-draft]").forEach((form) => restore(form));
document.addEventListener("desk:renewed", ({ detail: { root } }) => restoreAll(root));
document.addEventListener("desk:adopted", ({ target }) => {
  if (!pickerOf(target)) return;
  forget(target);
  restored.delete(target);
  restore(target);
});
restoreAll(document);
