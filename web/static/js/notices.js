// Short words at the foot of the page. What is done leaves by itself; what went wrong, or alarms, waits to be closed.
import { phrase } from "./phrases.js";

const STAY = 4500;
const seen = new WeakSet();

export function announce(words, kind = "done", link = null) {
  const place = document.getElementById("notice");
  if (!place) return;
  const note = document.createElement("p");
  note.className = "notice";
  note.dataset.kind = kind;
  const text = document.createElement("span");
  text.textContent = words;
  note.append(text);
  if (link) note.append(Object.assign(document.createElement("a"), { href: link.href, textContent: link.words }));
  place.replaceChildren(note);
  look();
}

function look() {
  for (const note of document.querySelectorAll("#notice > .notice")) {
    if (seen.has(note)) continue;
    seen.add(note);
    if (["error", "alarm"].includes(note.dataset.kind) || note.querySelector("a, form")) closable(note);
    else setTimeout(() => leave(note), STAY);
  }
}

function leave(note) {
  note.toggleAttribute("data-leaving", true);
  setTimeout(() => note.remove(), 300);
}

function closable(note) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "×";
  button.setAttribute("aria-label", phrase("close"));
  button.addEventListener("click", () => leave(note));
  note.append(button);
}

document.addEventListener("desk:renewed", look);
look();
