// Keyboard first. Keys are ignored while something is being typed, and while an input method composes until one tick
// after it ended: the Enter that accepts a conversion must not open a ticket.
let composing = false;
document.addEventListener("compositionstart", () => (composing = true));
document.addEventListener("compositionend", () => setTimeout(() => (composing = false), 0));

const first = (...selectors) => selectors.map((one) => document.querySelector(one)).find(Boolean);

function step(by) {
  const links = [...document.querySelectorAll("#rows a[data-open-ticket]")];
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

function find() {
  const box = first("[data-search]");
  box?.focus();
  box?.select();
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

const KEYS = {
  "/": find,
  j: () => step(1),
  k: () => step(-1),
  r: () => write("reply"),
  n: () => write("note"),
  a: () => first("[data-assign]")?.focus(),
  e: () => first("[data-resolve]")?.click(),
  v: () => first("[data-key-move]")?.focus(),
  p: () => beside("[data-key-priority]"),
  b: () => beside("[data-key-pend]"),
  t: () => beside("[data-key-tag]"),
  w: () => first("[data-watch]")?.click(),
  z: () => first("[data-undo]:not([hidden] *)")?.click(),
  h: () => first("[data-hand]")?.click(),
  "?": () => first("#help")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (composing || event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    find();
    return;
  }
  if (event.key === "Escape" && event.target.matches?.("input, textarea, select")) event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-compose-mode]")) return;
  const place = target.value === "forward" ? 'input[name="forward_to"]' : `[data-key-${target.value === "note" ? "note" : "reply"}]`;
  if (target.value === "forward") first("details.compose-to")?.setAttribute("open", "");
  first(place)?.focus();
});
