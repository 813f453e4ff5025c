// What is offered while somebody types: a short list beside the box, which keeps the focus. Arrows walk, Enter or Tab
// takes, Escape closes.
import { isComposing } from "./keys.js";

let list = null;
let box = null;
let home = null;
let take = null;
let at = 0;

// Width, case and katakana make no difference, as helpdesk/canned.py folds.
export const fold = (text) =>
  text.normalize("NFKC").toLowerCase().replace(/[\u30a1-\u30f6]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) - 0x60));

function close() {
  list?.remove();
  box?.removeAttribute("aria-activedescendant");
  box?.removeAttribute("aria-controls");
  list = box = home = take = null;
}

// Offers `items`, each the contents of a line; `taken` is called with the number of the one that is wanted.
export function suggest(field, name, items, taken) {
  close();
  if (!items.length) return;
  box = field;
  take = taken;
  list = Object.assign(document.createElement("ul"), { className: "suggestions", id: name });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.labels[0]?.textContent ?? "");
  items.forEach((parts, number) => {
    const item = Object.assign(document.createElement("li"), { id: `${name}-${number}` });
    item.setAttribute("role", "option");
    item.append(...parts);
    list.append(item);
  });
  home = field.closest(".compose, .field"); // the form itself is clipped to its round corners
  home.append(list);
  field.setAttribute("aria-controls", name);
  choose(0);
}

function choose(number) {
  const items = [...list.children];
  at = (number + items.length) % items.length;
  items.forEach((item, each) => item.setAttribute("aria-selected", String(each === at)));
  items[at].scrollIntoView({ block: "nearest" });
  box.setAttribute("aria-activedescendant", items[at].id);
}

function put(number) {
  const then = take;
  close();
  then(number);
}

document.addEventListener("keydown", (event) => {
  if (!list || event.target !== box || isComposing(event)) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") choose(at + (event.key === "ArrowDown" ? 1 : -1));
  else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || (event.key === "Tab" && !event.shiftKey)) put(at);
  else if (event.key === "Escape") close();
  else {
    if (/^(Arrow|Home$|End$)/.test(event.key)) close(); // the caret leaves the word
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest?.(".suggestions li");
  if (item) {
    event.preventDefault();
    put([...list.children].indexOf(item));
  } else if (list) close();
});
document.addEventListener("focusout", ({ target }) => target === box && close());
// News of the ticket draws the part anew in which the list stands.
document.addEventListener("desk:renewed", () => list && !list.isConnected && home.append(list));
