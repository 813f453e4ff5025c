// The command palette: a box with a list below it, where the focus stays in the box (the combobox pattern of the ARIA
// guide). What there is comes from the desk; tickets and customers are looked for while one types; commands are those
// whose control stands on this page. Enter that ends a conversion is the input method's.
import { ACTS, act, isComposing } from "./keys.js";
import { phrase } from "./phrases.js";
import { fold } from "./suggestions.js";

const WAIT = 120;
const MOST = 8;
const dialog = document.getElementById("palette");
const box = document.getElementById("palette-words");
const list = document.getElementById("palette-list");
let known = null;
let found = { words: "", groups: [] };
let asked = 0;
let timer = 0;
let items = [];
let at = 0;
let wanted = false; // whether Enter was pressed before there was anything to choose from
let moved = false; // whether the line was chosen by hand: then it stays when more is found

async function begin() {
  moved = wanted = false;
  found = { words: "", groups: [] };
  show();
  try {
    const answer = await fetch("/palette", { headers: { Accept: "application/json" } });
    if (answer.ok && !answer.redirected) known = await answer.json();
  } catch {
    // No connection: what was known before, or nothing.
  }
  show();
  if (wanted) choose();
}

async function ask() {
  const words = box.value.trim();
  const mine = ++asked;
  if (!words) return;
  try {
    const answer = await fetch(`/palette?q=${encodeURIComponent(words)}`, { headers: { Accept: "application/json" } });
    if (mine !== asked || !answer.ok || answer.redirected) return;
    found = { words, groups: (await answer.json()).groups };
    show();
  } catch {
    // No connection: pages and commands are here all the same.
  }
}

function recent() {
  try {
    return (JSON.parse(sessionStorage.getItem("tabs")) ?? []).map(({ id, subject }) => ({ path: `/tickets/${id}`, words: `#${id} ${subject}`, more: "" })).reverse();
  } catch {
    return [];
  }
}

function groups() {
  const words = box.value.trim();
  const parts = fold(words).split(/\s+/).filter(Boolean);
  const fits = ({ words: said, more = "" }) => parts.every((part) => fold(`${said} ${more}`).includes(part));
  const own = known
    ? [
        { title: known.acts.title, items: known.acts.items.filter((one) => ACTS[one.act] && (ACTS[one.act].needs?.() ?? true)) },
        { title: known.recent, items: recent() },
        ...known.groups,
      ]
    : [];
  const fitting = own.map(({ title, items: some }) => ({ title, items: some.filter(fits).slice(0, words ? MOST : 100) }));
  if (!words) return fitting.filter((group) => group.items.length);
  const looked = found.words && words.startsWith(found.words.slice(0, 1)) ? found.groups : [];
  const search = known ? [{ title: "", items: [{ path: `/search?q=${encodeURIComponent(words)}`, words: known.search.replace("%(words)s", words), more: "" }] }] : [];
  return [...looked, ...fitting, ...search].filter((group) => group.items.length);
}

function show() {
  const before = items[at]?.words;
  items = [];
  const parts = groups().map(({ title, items: some }, number) => {
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    if (title) {
      const head = document.createElement("div");
      head.className = "palette-title";
      head.id = `palette-group-${number}`;
      head.textContent = title;
      group.setAttribute("aria-labelledby", head.id);
      group.append(head);
    } else group.setAttribute("aria-label", box.getAttribute("aria-label"));
    for (const one of some) {
      const option = document.createElement("div");
      option.setAttribute("role", "option");
      option.id = `palette-${items.length}`;
      option.dataset.item = items.length;
      option.className = "palette-item";
      const words = document.createElement("span");
      words.textContent = one.words;
      const more = document.createElement("span");
      more.className = "palette-more";
      more.textContent = one.more ?? "";
      option.append(words, more);
      group.append(option);
      items.push(one);
    }
    return group;
  });
  list.replaceChildren(...parts);
  dialog.querySelector(".palette-none").hidden = items.length > 0 || !known;
  at = moved ? Math.max(0, items.findIndex((one) => one.words === before)) : 0;
  mark({ scrolls: false });
  if (known) dialog.querySelector("[data-palette-said]").textContent = phrase("found").replace("{count}", items.length);
}

function mark({ scrolls = true } = {}) {
  for (const option of list.querySelectorAll("[role=option]")) {
    const isHere = Number(option.dataset.item) === at;
    option.setAttribute("aria-selected", String(isHere));
    if (isHere && scrolls) option.scrollIntoView({ block: "nearest" });
  }
  if (items.length) box.setAttribute("aria-activedescendant", `palette-${at}`);
  else box.removeAttribute("aria-activedescendant");
}

function choose() {
  const item = items[at];
  wanted = !known; // then it is chosen as soon as it is here
  if (!item) return;
  dialog.close();
  if (item.act) setTimeout(() => act(item.act));
  else location.assign(item.path);
}

if (dialog) {
  document.addEventListener("desk:palette", begin);
  box.addEventListener("input", () => {
    moved = wanted = false;
    show();
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  box.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step && items.length) {
      event.preventDefault();
      moved = true;
      at = Math.abs(step) === 1 ? (at + step + items.length) % items.length : Math.min(items.length - 1, Math.max(0, at + step));
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose();
    }
  });
  dialog.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the box
  list.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (!option) return;
    at = Number(option.dataset.item);
    choose();
  });
  dialog.addEventListener("close", () => (wanted = false));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !dialog.open || isComposing(event)) return;
    event.stopPropagation(); // it closes the palette, and nothing else
    dialog.close();
  }, true);
  // It is left by a press beside it, which does nothing else, or by the focus; both may go to a call, which stands above.
  const isBeside = ({ target }) => dialog.open && !target.closest?.("#palette, #pops");
  for (const kind of ["mousedown", "click"]) {
    document.addEventListener(kind, (event) => {
      if (!isBeside(event)) return;
      event.preventDefault();
      event.stopPropagation();
      if (kind === "click") dialog.close();
    }, true);
  }
  document.addEventListener("focusin", (event) => isBeside(event) && dialog.close());
  if (dialog.open) {
    begin(); // asked for before this was here, perhaps with the first words typed
    ask();
  }
}
