// Colleagues called by name in a note: typing @ and the beginning of a name or of its reading, in kana or Latin letters, offers those who see the
// ticket. While an input method is composing, and until one tick after, no key is ours.
let composing = false;
document.addEventListener("compositionstart", () => (composing = true));
document.addEventListener("compositionend", () => setTimeout(() => (composing = false), 0));

const TYPED = /[@＠]([^\s@＠]{0,20})$/u;
const MOST = 6;
const fold = (text) =>
  text.normalize("NFKC").toLowerCase().replace(/[\u30a1-\u30f6]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) - 0x60)).replace(/\s+/g, "");

let list = null;
let box = null;
let at = 0;

const staff = () => [...document.querySelectorAll("[data-assign] option[data-name]")].filter((one) => !one.disabled);

function matches(typed) {
  const begun = fold(typed);
  return staff().filter(({ dataset: { name, reading, latin } }) =>
    [name, reading, latin].flatMap((all) => [all, ...all.split(/\s+/)]).some((way) => way && fold(way).startsWith(begun)));
}

function close() {
  list?.remove();
  box?.removeAttribute("aria-activedescendant");
  box?.removeAttribute("aria-controls");
  list = box = null;
}

function show(field, found) {
  close();
  if (!found.length) return;
  box = field;
  list = document.createElement("ul");
  list.className = "mentions";
  list.id = "mentions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.labels[0]?.textContent ?? "");
  found.slice(0, MOST).forEach(({ dataset }, number) => {
    const item = document.createElement("li");
    item.id = `mention-${number}`;
    item.setAttribute("role", "option");
    item.dataset.name = dataset.name;
    item.append(Object.assign(document.createElement("b"), { textContent: dataset.name, lang: "ja" }));
    const lang = dataset.latin && document.documentElement.lang === "en" ? "ja-Latn" : "ja";
    const said = lang === "ja" ? dataset.reading : dataset.latin;
    if (said) item.append(" ", Object.assign(document.createElement("span"), { textContent: said, lang }));
    list.append(item);
  });
  field.closest(".compose").append(list); // the form itself is clipped to its round corners
  field.setAttribute("aria-controls", "mentions");
  choose(0);
}

function choose(number) {
  const items = [...list.children];
  at = (number + items.length) % items.length;
  items.forEach((item, each) => item.setAttribute("aria-selected", String(each === at)));
  box.setAttribute("aria-activedescendant", items[at].id);
}

function put(item) {
  const field = box;
  const before = field.value.slice(0, field.selectionStart);
  const start = before.length - before.match(TYPED)[0].length;
  field.focus();
  field.setSelectionRange(start, field.selectionStart);
  const text = `@${item.dataset.name} `;
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, start, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  close();
}

document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("[data-mentions]")) return;
  const typed = target.value.slice(0, target.selectionStart).match(TYPED);
  if (typed) show(target, matches(typed[1]));
  else close();
});

document.addEventListener("keydown", (event) => {
  if (!list || event.target !== box || composing || event.isComposing || event.keyCode === 229) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") choose(at + (event.key === "ArrowDown" ? 1 : -1));
  else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") put(list.children[at]);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("pointerdown", (event) => {
  const item = event.target.closest?.(".mentions li");
  if (item) {
    event.preventDefault();
    put(item);
  }
});
document.addEventListener("focusout", ({ target }) => target === box && close());
