// A telephone system opened a caller's page, and this tab was running already: it goes there itself. Where something is
// being written it stays, and says how to get there. A page that is no longer needed closes, where the browser lets it.
import { announce } from "./notices.js";
import { phrase } from "./phrases.js";

const WRITTEN = "main textarea, main input:not([type=hidden], [type=search], [type=checkbox], [type=radio]), #pops textarea";

export function lead(path) {
  if (!/^\/(?!\/)/.test(path)) return;
  if ([...document.querySelectorAll(WRITTEN)].some((field) => field.value !== field.defaultValue)) {
    announce(phrase("incoming"), "call", { href: path, words: phrase("caller") });
  } else {
    location.assign(path);
  }
}

if (document.body.matches("[data-close]")) window.close();
