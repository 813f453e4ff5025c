// The builder shows what its conditions find while they are chosen: it asks its own address, as its button does.
import { morph } from "./morph.js";

const PAUSE = 250;
const builder = document.querySelector("[data-builder]");
let timer = 0;
let asked = 0;

async function look() {
  const mine = ++asked;
  const query = new URLSearchParams(new FormData(builder));
  try {
    const answer = await fetch(`${builder.action}?${query}`, { headers: { Accept: "text/html" } });
    if (!answer.ok || mine !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("builder-preview");
    const present = document.getElementById("builder-preview");
    if (fresh && present && mine === asked) morph(present, document.importNode(fresh, true));
  } catch {
    // The button still asks, and says so when nothing answers.
  }
}

builder?.addEventListener("input", ({ target }) => {
  if (target.name === "name") return;
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
});
