// Puts what the server rendered where it belongs: an element by its id, a row by its place in the list.
import { morph } from "./morph.js";

export function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

const changed = new Map(); // when each element was last put or dropped

export function put(id, into, html) {
  const fresh = element(html);
  if (!fresh) return;
  changed.set(id, performance.now());
  const present = document.getElementById(id);
  if (present) morph(present, fresh);
  else document.getElementById(into)?.append(fresh);
  renewed(document.getElementById(id) ?? document.body);
}

export function drop(id) {
  changed.set(id, performance.now());
  const gone = document.getElementById(id);
  if (!gone) return;
  gone.remove();
  renewed(document.body);
}

// Whether an element was put or dropped since a moment: an answer that was asked for then may tell of before.
export const isNewer = (id, moment) => changed.get(id) >= moment;

// Tells the other behaviors that part of the page is new.
export function renewed(root) {
  document.dispatchEvent(new CustomEvent("desk:renewed", { detail: { root } }));
}
