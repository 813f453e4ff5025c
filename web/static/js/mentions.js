// Colleagues called by name in a note: typing @ and the beginning of a name or of its reading, in kana or Latin letters, offers those who see the
// ticket.
import { fold, suggest } from "./suggestions.js";

const TYPED = /[@＠]([^\s@＠]{0,20})$/u;
const MOST = 6;
const spelled = (text) => fold(text).replace(/\s+/g, "");

const staff = () => [...document.querySelectorAll("[data-assign] option[data-name]")].filter((one) => !one.disabled);

function matches(typed) {
  const begun = spelled(typed);
  return staff().filter(({ dataset: { name, reading, latin } }) =>
    [name, reading, latin].flatMap((all) => [all, ...all.split(/\s+/)]).some((way) => way && spelled(way).startsWith(begun)));
}

function line({ dataset }) {
  const name = Object.assign(document.createElement("b"), { textContent: dataset.name, lang: "ja" });
  const lang = dataset.latin && document.documentElement.lang === "en" ? "ja-Latn" : "ja";
  const said = lang === "ja" ? dataset.reading : dataset.latin;
  return said ? [name, " ", Object.assign(document.createElement("span"), { textContent: said, lang })] : [name];
}

function put(field, { dataset }) {
  const before = field.value.slice(0, field.selectionStart);
  const start = before.length - before.match(TYPED)[0].length;
  field.focus();
  field.setSelectionRange(start, field.selectionStart);
  const text = `@${dataset.name} `;
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, start, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("[data-mentions]")) return;
  const typed = target.value.slice(0, target.selectionStart).match(TYPED);
  const found = typed ? matches(typed[1]).slice(0, MOST) : [];
  suggest(target, "mentions", found.map(line), (number) => put(target, found[number]));
});
