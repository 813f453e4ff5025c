// What supervisors watch: regions that change by the mere passing of time are fetched again every `data-every` seconds,
// notices that the server tells are shown until they are closed, and an alarm sounds on the devices that asked for it.
import { element, renewed } from "./place.js";
import { stale } from "./regions.js";

const KEY = "desk-alarm-sound";
const told = new Set();

setInterval(() => {
  const due = [...document.querySelectorAll("[data-every]")].filter((region) => {
    const every = Number(region.dataset.every) * 1000;
    return Math.floor(Date.now() / every) !== Math.floor((Date.now() - 1000) / every) && !region.contains(typing());
  });
  if (due.length) stale(due.map((region) => region.id));
}, 1000);

// Whoever is in the middle of a choice or a word there is left alone.
function typing() {
  const there = document.activeElement;
  return there?.matches("input, select, textarea") ? there : null;
}

document.addEventListener("desk:frame", ({ detail }) => {
  for (const step of detail.do ?? []) if (step.tell && !told.has(step.tell)) tell(step);
});

function tell({ tell: id, html, sound }) {
  told.add(id);
  const notice = element(html);
  document.getElementById("notice")?.append(notice);
  renewed(notice);
  if (sound && kept() === "on") ring();
}

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // the browser keeps nothing for us
  }
}

function ring() {
  const context = new AudioContext();
  [0, 0.25].forEach((start, place) => {
    const tone = context.createOscillator();
    const loud = context.createGain();
    tone.frequency.value = place ? 660 : 880;
    loud.gain.setValueAtTime(0.12, context.currentTime + start);
    loud.gain.exponentialRampToValueAtTime(0.001, context.currentTime + start + 0.2);
    tone.connect(loud).connect(context.destination);
    tone.start(context.currentTime + start);
    tone.stop(context.currentTime + start + 0.22);
    tone.onended = () => place && context.close();
  });
}

for (const place of document.querySelectorAll("[data-alarm-sound]")) {
  const box = place.querySelector("input");
  box.checked = kept() === "on";
  place.hidden = false;
  box.addEventListener("change", () => {
    localStorage.setItem(KEY, box.checked ? "on" : "off");
    if (box.checked) ring();
  });
}
