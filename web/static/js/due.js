// What is due says how long it still has, every half minute anew; the words are the server's.
import { phrase } from "./phrases.js";

const SOON = 60;

function words(minutes) {
  const away = Math.abs(minutes);
  const [unit, count] =
    away < 120 ? ["minutes", away] : away < 2880 ? ["hours", Math.floor(away / 60)] : ["days", Math.floor(away / 1440)];
  return phrase(`due_${minutes < 0 ? "late_" : ""}${unit}`).replace("{n}", count);
}

function tick() {
  if (document.hidden) return;
  for (const chip of document.querySelectorAll("[data-due-at]")) {
    const minutes = Math.floor((Date.parse(chip.dataset.dueAt) - Date.now()) / 60000);
    const level = minutes < 0 ? "late" : minutes < SOON ? "soon" : "calm";
    if (chip.dataset.level !== level) chip.dataset.level = level;
    const place = chip.querySelector(".due-words");
    const text = words(minutes);
    if (place && text && place.textContent !== text) place.textContent = text;
  }
}

setInterval(tick, 30000);
document.addEventListener("visibilitychange", tick);
