// What is being written is kept by the desk, for each agent and place, and found again on any machine: a moment after
// the last key, when the box is left, and when the page is. A copy stays on this device until the desk has the words, so
// that a desk out of reach loses none; of two, the later counts. Windows of one browser tell each other what they saved.
import { phrase } from "./phrases.js";

const PAUSE = 1000;
const LONGEST = 5000; // and whoever types without a pause is saved all the same
const TAB = crypto.getRandomValues(new Uint32Array(2)).join("-");
const FORM = "form[data-draft]";
const agent = document.body.dataset.agent;
const others = "BroadcastChannel" in window && agent ? new BroadcastChannel(`drafts-${agent}`) : null;
const known = new WeakMap(); // form -> { version, text, since, timer, asked, saving, files }

const key = (form) => `draft:${agent}:${form.dataset.draft}`;
const field = (form) => form.elements.body;
const address = (form) => `/drafts/${form.dataset.draft}`;
const forms = (root) => [...(root.querySelectorAll?.(FORM) ?? [])];

function of(form) {
  if (!known.has(form)) {
    const version = Number(form.dataset.draftVersion ?? 0);
    known.set(form, { version, text: version && !laid() ? field(form).value : version ? null : "", files: new Map() });
  }
  return known.get(form);
}

// The address has put something into the box that the desk has not kept yet.
const laid = () => /[?&](?:again|draft|canned)=/.test(location.search);

const isDirty = (form) => field(form).value !== of(form).text;

function said(form, words) {
  const place = (form.closest("[data-compose]") ?? form).querySelector("[data-draft-said]");
  if (place && place.textContent !== words) place.textContent = words;
}

// --- the copy on this device

function copy(form) {
  try {
    if (field(form).value) localStorage.setItem(key(form), JSON.stringify({ text: field(form).value, at: Date.now() }));
    else localStorage.removeItem(key(form));
    return true;
  } catch {
    return false; // a full or forbidden store: the words are still in the box
  }
}

function copied(form) {
  const kept = localStorage.getItem(key(form));
  if (!kept) return null;
  try {
    const { text, at } = JSON.parse(kept);
    if (typeof text === "string") return { text, at };
  } catch {
    // as an older version of this page wrote it
  }
  return { text: kept, at: 0 };
}

// Words that never reached the desk, unless it has later ones. What an address laid into the box stands below them.
function restore(form) {
  const kept = copied(form);
  const { version } = of(form);
  const shown = field(form).value;
  const at = version ? Date.parse(form.dataset.draftAt) : 0;
  if (!kept || kept.text === shown || (version && kept.at <= at)) return localStorage.removeItem(key(form));
  if (shown && shown !== field(form).defaultValue) return;
  fill(form, shown && !version ? `${kept.text}\n\n${shown}` : kept.text);
  said(form, phrase("draft"));
  later(form);
}

function fill(form, text) {
  field(form).value = text;
  field(form).dispatchEvent(new Event("desk:grow", { bubbles: true }));
}

// --- saving

function told(form) {
  const body = new URLSearchParams({ body: field(form).value, tab: TAB, seen: of(form).version });
  const before = (form.dataset.draftTold ?? "").split(" ");
  for (const one of form.elements) {
    if (!one.name || ["body", "attachments", "keep_file", "confirmed"].includes(one.name)) continue;
    if (one.type === "checkbox" ? ["kept", "canned_file"].includes(one.name) && one.checked : one.type === "radio" ? one.checked && isChanged(one, before)
      : one.name !== "kept" && one.nodeName !== "BUTTON" && isChanged(one, before)) body.append(one.name, one.value);
  }
  const files = [...(form.querySelector('input[type="file"]')?.files ?? [])];
  for (const file of files) if (of(form).files.has(file)) body.append("kept", of(form).files.get(file));
  return body;
}

function isChanged(one, before) {
  if (one.type === "hidden" || before.includes(one.name)) return true;
  if (one.type === "radio") return !one.defaultChecked;
  if (one.nodeName === "SELECT") return [...one.options].some((option) => option.selected !== option.defaultSelected);
  return one.value !== one.defaultValue;
}

function later(form) {
  const state = of(form);
  state.since ??= Date.now();
  clearTimeout(state.timer);
  state.timer = setTimeout(() => save(form), Math.max(0, Math.min(PAUSE, state.since + LONGEST - Date.now())));
}

function rest(form) {
  const state = of(form);
  clearTimeout(state.timer);
  state.timer = state.since = undefined;
  return state;
}

// One after the other: of two that overtake each other the desk would keep the older words.
function save(form) {
  const state = rest(form);
  state.saving = Promise.resolve(state.saving).then(() => store(form, state));
}

async function store(form, state) {
  if (state.sent) return;
  const text = field(form).value;
  const asked = (state.asked = new AbortController());
  try {
    await upload(form, asked.signal);
    const body = told(form);
    const answer = await fetch(address(form), { method: "POST", headers: { Accept: "application/json" }, body, signal: asked.signal });
    if (!answer.ok || answer.redirected) throw new Error("not kept");
    const [canned, cannedFiles] = ["canned", "canned_file"].map((name) => body.getAll(name).join(" "));
    const { version, others: elsewhere, at } = await answer.json();
    if (state.asked !== asked) return; // sent, thrown away or saved again meanwhile
    kept(form, text, version, at);
    others?.postMessage({ place: form.dataset.draft, text, version, at, canned, canned_files: cannedFiles });
    said(form, !version ? "" : phrase(elsewhere ? "draft_other" : "draft_desk"));
  } catch {
    if (state.asked === asked && isDirty(form)) said(form, copy(form) ? phrase("draft") : "");
  }
}

// Files go to the desk on their own, each once; the draft names them.
async function upload(form, signal) {
  const { files } = of(form);
  const fresh = [...(form.querySelector('input[type="file"]')?.files ?? [])].filter((file) => !files.has(file));
  for (const file of fresh) {
    const body = new FormData();
    body.append("what", "files");
    body.append("attachments", file);
    const answer = await fetch(address(form), { method: "POST", headers: { Accept: "application/json" }, body, signal });
    if (answer.ok && !answer.redirected) files.set(file, (await answer.json()).kept[0].token);
  }
}

function kept(form, text, version, at) {
  const state = of(form);
  state.version = version;
  state.text = text;
  if (at) form.dataset.draftAt = at;
  if (field(form).value === text) localStorage.removeItem(key(form));
  for (const button of document.querySelectorAll(`[data-draft-throw="${form.dataset.draft}"]`)) button.hidden = !version;
  mark(form.dataset.draft);
}

// The row of the ticket says that there is a draft, to its author alone.
function mark(place) {
  const id = place.match(/^(?:reply|note)-(\d+)$/)?.[1];
  const snippet = id && document.querySelector(`#row-${id} .row-snippet`);
  if (!snippet) return;
  const is = forms(document).some((form) => form.dataset.draft.endsWith(`-${id}`) && of(form).version);
  const there = snippet.querySelector(".row-draft");
  if (is && !there) {
    const word = document.createElement("span");
    word.className = "row-draft";
    word.textContent = phrase("draft_mark");
    snippet.prepend(word, " ");
  } else if (!is) there?.remove();
}

// What is not saved when the page goes is sent along with the farewell.
function farewell() {
  for (const form of forms(document)) {
    if (of(form).sent || (!isDirty(form) && !of(form).timer)) continue;
    rest(form);
    copy(form);
    navigator.sendBeacon(address(form), told(form));
  }
}

// --- in this window

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.(FORM);
  if (!form || !agent) return;
  if (target === field(form)) {
    copy(form);
    said(form, "");
  } else if (!field(form).value) return;
  later(form);
});
document.addEventListener("change", ({ target }) => {
  const form = target.form?.matches?.(FORM) ? target.form : null;
  if (form && (field(form).value || target.type === "file")) later(form);
});
document.addEventListener("focusout", ({ target }) => {
  const form = target.closest?.(FORM);
  if (form && of(form).timer) save(form);
});
addEventListener("pagehide", farewell);
document.addEventListener("desk:connected", () => forms(document).forEach((form) => isDirty(form) && later(form)));

function empty(form) {
  const state = rest(form);
  state.asked?.abort();
  Object.assign(state, { asked: null, version: 0, text: "" });
  state.files.clear();
  localStorage.removeItem(key(form));
  field(form).defaultValue = "";
  form.reset();
  said(form, "");
  kept(form, "", 0);
  form.dispatchEvent(new CustomEvent("desk:emptied", { bubbles: true }));
  others?.postMessage({ place: form.dataset.draft, text: "", version: 0 });
}

document.addEventListener("submit", ({ target }) => {
  if (target.matches(FORM)) {
    const said = target.closest(".ticket")?.querySelector(".conversation");
    if (said) said.scrollTop = said.scrollHeight; // what one sends is seen to arrive, see scroll.js
    rest(target); // the page itself goes; one that is sent by script comes back with `desk:sent`
    if (!target.matches("[data-quick]")) {
      of(target).sent = true;
      localStorage.removeItem(key(target));
    }
  }
  const form = target.dataset.draftThrows && document.querySelector(`form[data-draft="${target.dataset.draftThrows}"]`);
  if (!form) return;
  target.elements.body.value = field(form).value; // the last words, which may not be saved yet
  rest(form);
  if (!target.matches("[data-quick]")) {
    of(form).asked?.abort();
    of(form).sent = true;
    localStorage.removeItem(key(form));
  }
}, true);

// A save that reached the desk after the mail had left would keep what was sent as a draft: it goes first.
document.addEventListener("desk:sending", ({ detail: { form, waits } }) => {
  const own = form.matches(FORM) ? form : document.querySelector(`form[data-draft="${form.dataset.draftThrows}"]`);
  if (own) waits.push(of(own).saving);
});

// What was written on while it was on its way is the beginning of the next.
document.addEventListener("desk:sent", ({ detail: { form, data } }) => {
  if (form.matches(FORM)) {
    const [sent, now] = [data.get("body"), field(form).value];
    empty(form);
    if (sent && now !== sent && now.startsWith(sent)) {
      fill(form, now.slice(sent.length).trimStart());
      later(form);
    }
  }
  const thrown = form.dataset.draftThrows && document.querySelector(`form[data-draft="${form.dataset.draftThrows}"]`);
  if (thrown) empty(thrown);
});

// --- from other windows, and from other machines when this one is looked at again

function adopt(form, { text, version, at, canned = "", canned_files: files = "" }) {
  const state = of(form);
  if (version === state.version || isDirty(form)) return; // what is typed here is saved later, and counts
  fill(form, text);
  kept(form, text, version, at);
  Object.assign(form.dataset, { draftVersion: version, draftCanned: canned, draftCannedFiles: files });
  form.dispatchEvent(new CustomEvent("desk:adopted", { bubbles: true }));
  said(form, phrase(version ? "draft_taken" : "draft_gone"));
}

others?.addEventListener("message", ({ data }) => {
  for (const form of forms(document)) if (form.dataset.draft === data.place) adopt(form, data);
});

document.addEventListener("visibilitychange", async () => {
  if (document.hidden) return farewell();
  for (const form of forms(document)) {
    if (isDirty(form) || !(of(form).version || field(form).value === "")) continue;
    try {
      const answer = await fetch(address(form), { headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected) adopt(form, { text: "", ...(await answer.json()) });
    } catch {
      // No connection: what stands here stays.
    }
  }
});

// --- boxes as they come

function begin(root) {
  for (const form of forms(root)) {
    const version = Number(form.dataset.draftVersion ?? 0);
    if (!known.has(form)) {
      of(form);
      if (!agent) continue;
      restore(form);
      if (!laid() && field(form).value !== field(form).defaultValue && isDirty(form)) { // typed before this ran
        copy(form);
        later(form);
      }
    } else if (version > of(form).version && field(form).value === field(form).defaultValue) {
      Object.assign(of(form), { version, text: field(form).value }); // the region brought a later one
    }
  }
}
document.addEventListener("desk:renewed", ({ detail: { root } }) => begin(root.matches?.(FORM) ? root.parentElement : root));
begin(document);
