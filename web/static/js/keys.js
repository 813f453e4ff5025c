// Keyboard first. Which key does what is read from the help, which the server draws from one table. Keys are ignored
// while something is being typed, and while an input method composes until one tick after it ended: the Enter that
// accepts a conversion must not open a ticket. Single letters may be switched off; what is held with Ctrl never is.
import { offers, toggle } from "./bulk.js";
let composing = false;
document.addEventListener("compositionstart", () => (composing = true));
document.addEventListener("compositionend", () => setTimeout(() => (composing = false), 0));

const SEQUENCE = 1200;
export const TYPED_INTO = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const first = (...selectors) => selectors.map((one) => document.querySelector(one)).find(Boolean);

export const isComposing = (event) => composing || event.isComposing || event.keyCode === 229;

// The lines of a list: tickets, or the first link of each row of a page's tables and lists.
function lines() {
  const tickets = [...document.querySelectorAll("#rows a[data-open-ticket]")];
  if (tickets.length) return tickets;
  const rows = document.querySelectorAll("main tbody tr, main .told-line, main .case-list > li");
  return [...rows].map((row) => row.querySelector("a[href]")).filter((link) => link?.offsetParent);
}

function step(by) {
  const links = lines();
  if (!links.length) return;
  const at = links.findIndex((link) => link === document.activeElement);
  const from = at >= 0 ? at : links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[Math.min(links.length - 1, Math.max(0, from < 0 ? 0 : from + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function write(mode) {
  const other = mode === "note" ? "" : '[data-compose-mode]:not([value="note"])';
  const choice = first(`[data-compose-mode][value="${mode}"]`, ...(other ? [other] : []));
  if (!choice) return;
  choice.checked = true;
  first(`[data-key-${mode}]`)?.focus();
}

function assignMe() {
  const choice = first("select[data-assign]");
  if (!choice || choice.value === document.body.dataset.agent) return;
  choice.value = document.body.dataset.agent;
  if (choice.value) choice.form.requestSubmit();
}

// What stands beside the ticket is behind a button on a narrow screen: it is brought out first.
function beside(selector) {
  const part = first(selector);
  if (!part) return;
  if (!part.checkVisibility({ visibilityProperty: true })) first(".side-opener")?.click();
  if (part.matches("summary")) part.closest("details").open = true;
  part.focus();
  part.scrollIntoView({ block: "nearest" });
}

// The box is there at once, for what is typed next; what stands below it comes from palette.js. It is no modal dialog:
// a call that rings stands above it and can be taken, while what is being typed stays where it is.
function openPalette() {
  const dialog = first("#palette");
  if (!dialog || dialog.open) return;
  const box = first("#palette-words");
  box.value = "";
  dialog.show();
  box.focus();
  document.dispatchEvent(new CustomEvent("desk:palette"));
}

// The focus goes with it: a menu closes when the focus is elsewhere.
function openBell() {
  const summary = first("#bell > summary");
  summary?.focus();
  summary?.click();
}

// Of a mail that waits and what was done to the ticket, whichever was later; never both.
function lastDone() {
  const offered = [...document.querySelectorAll("[data-undo]:not([hidden] *)")];
  return offered.sort((one, other) => Date.parse(other.dataset.at) - Date.parse(one.dataset.at))[0];
}

// A letter must never act twice on a call, nor on the second of two that ring.
const ringing = () => first('#pops .pop[data-state="ringing"] [data-accept]');

export const ACTS = {
  palette: { run: openPalette },
  bell: { run: openBell },
  help: { run: () => first("#help")?.showModal() },
  next: { run: () => step(1) },
  previous: { run: () => step(-1) },
  reply: { needs: () => first("[data-key-reply]"), run: () => write("reply") },
  note: { needs: () => first("[data-key-note]"), run: () => write("note") },
  assign: { needs: () => first("[data-assign]"), run: () => first("[data-assign]")?.focus() },
  assign_me: { needs: () => first(`select[data-assign] option[value="${document.body.dataset.agent}"]:enabled`), run: assignMe },
  resolve: { needs: () => first("[data-resolve]"), run: () => first("[data-resolve]")?.click() },
  move: { needs: () => first("[data-key-move]"), run: () => first("[data-key-move]")?.focus() },
  priority: { needs: () => first("[data-key-priority]"), run: () => beside("[data-key-priority]") },
  pend: { needs: () => first("[data-key-pend]"), run: () => beside("[data-key-pend]") },
  tag: { needs: () => first("[data-key-tag]"), run: () => beside("[data-key-tag]") },
  watch: { needs: () => first("[data-watch]"), run: () => first("[data-watch]")?.click() },
  macros: { needs: () => first("[data-macros]"), run: () => first("[data-macros]")?.click() },
  send_back: { needs: () => first("[data-key-return]"), run: () => beside("[data-key-return]") },
  choose: { needs: () => first("#rows"), run: () => toggle() },
  chosen: { needs: () => first("#rows [data-tick]:checked"), run: () => offers()?.focus() },
  undo: { needs: lastDone, run: () => lastDone()?.click() },
  back: { run: () => first("a[data-back]")?.click() },
  accept: { needs: ringing, run: () => ringing()?.click() },
  wrap_up: { needs: () => first("#pops .pop-note textarea"), run: () => first("#pops .pop-wrap-up textarea", "#pops .pop-note textarea")?.focus() },
  hand: { needs: () => first("[data-hand]"), run: () => first("[data-hand]")?.click() },
  ready: { needs: () => first('#me button[value="ready"]'), run: () => first('#me button[value="ready"]')?.click() },
  print: { run: () => print() },
};

export function act(name) {
  if (name.startsWith("go:")) location.assign(name.slice(3));
  else ACTS[name]?.run();
}

const keys = new Map();
for (const { dataset } of document.querySelectorAll("#help [data-key]")) keys.set(dataset.key, dataset.act);
const beginnings = new Set([...keys.keys()].filter((key) => key.includes(" ")).map((key) => key.split(" ")[0]));
let begun = { key: "", at: 0 };

document.addEventListener("keydown", (event) => {
  if (isComposing(event)) return;
  const help = first("#help[open]");
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    help?.close();
    act("palette");
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target.matches?.(TYPED_INTO)) event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.shortcuts === "off") return;
  if (event.target.closest?.(TYPED_INTO)) return;
  const sequence = Date.now() - begun.at < SEQUENCE ? `${begun.key} ${event.key}` : "";
  begun = { key: beginnings.has(event.key) && !event.repeat ? event.key : "", at: Date.now() };
  const name = keys.get(sequence) ?? keys.get(event.key);
  if (!name) return;
  event.preventDefault();
  act(name);
});

document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-compose-mode]")) return;
  const place = target.value === "forward" ? 'input[name="forward_to"]' : `[data-key-${target.value === "note" ? "note" : "reply"}]`;
  if (target.value === "forward") first("details.compose-to")?.setAttribute("open", "");
  first(place)?.focus();
});
