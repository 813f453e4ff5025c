// The index of settings shows what is found while one types: it asks its own address, as its button does.
import { morph } from "./morph.js";

const PAUSE = 150;
const asking = document.querySelector("[data-settings]");
let timer = 0;
let asked = 0;

async function look() {
  const mine = ++asked;
  const address = `${asking.action}?${new URLSearchParams(new FormData(asking))}`;
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok || mine !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("settings");
    if (!fresh || mine !== asked) return;
    morph(document.getElementById("settings"), document.importNode(fresh, true));
    history.replaceState(history.state, "", address); // so that going back shows it again
  } catch {
    // The button still asks, and says so when nothing answers.
  }
}

asking?.addEventListener("input", (event) => {
  if (event.isComposing) return;
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
});
asking?.addEventListener("compositionend", () => {
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
});
