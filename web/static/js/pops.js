// What a call does beyond its card: the page makes room for the bar, and a tab in the background shows that somebody is
// calling by its title, its icon and, where the person allowed it, a notification. The focus is never taken.
import { phrase } from "./phrases.js";
import { idle } from "./rest.js";

const pops = document.getElementById("pops");
const announced = new Set();
let title = document.title;
let blinking = 0;

function room() {
  const bars = [...pops.querySelectorAll('.pop:not([data-state="ringing"])')];
  const height = bars.reduce((sum, bar) => sum + bar.offsetHeight, 0);
  // Inline custom properties set by script are allowed by the policy; style attributes in HTML are not.
  if (bars.length) document.body.style.setProperty("--dock", `${height}px`);
  else document.body.style.removeProperty("--dock");
}

function ringing() {
  return [...pops.querySelectorAll('.pop[data-state="ringing"]')];
}

function look() {
  const cards = ringing();
  for (const card of cards) if (!announced.has(card.id)) announce(card);
  if (cards.length && document.hidden) blink();
  else calm();
  room();
}

function announce(card) {
  announced.add(card.id);
  document.getElementById("help")?.close(); // it would lie above the card, and is only read
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  if (!document.body.dataset.desktop.split(" ").includes("call") || isQuiet()) return;
  const note = new Notification(card.dataset.name, {
    body: `${phrase("incoming")} · ${card.dataset.queue}`,
    tag: card.id,
    lang: document.documentElement.lang,
  });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
  });
}

// Whether it is one of the agent's quiet hours by the desk's clock.
function isQuiet() {
  const [from, until, timeZone] = document.body.dataset.quiet?.split(" ") ?? [];
  if (!from) return false;
  const now = new Date().toLocaleTimeString("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  return from <= until ? from <= now && now < until : now >= from || now < until;
}

function blink() {
  if (blinking) return;
  title = document.title;
  icon("ringing");
  let lit = true;
  const turn = () => {
    const first = ringing()[0];
    document.title = lit && first ? `☎ ${first.dataset.name}` : title;
    lit = !lit;
  };
  turn();
  blinking = setInterval(turn, 1000);
}

function calm() {
  if (!blinking) return;
  clearInterval(blinking);
  blinking = 0;
  document.title = title;
  icon("");
}

const link = document.querySelector('link[rel="icon"]');
const quiet = link?.href;

function icon(state) {
  if (link) link.href = state ? quiet.replace("icon.svg", `icon-${state}.svg`) : quiet;
}

if (pops) {
  for (const card of ringing()) announced.add(card.id);
  new ResizeObserver(room).observe(pops);
  document.addEventListener("desk:renewed", look);
  document.addEventListener("visibilitychange", look);
  look();
}

function offer() {
  const button = document.querySelector("[data-notify]");
  if (button && "Notification" in window) button.hidden = Notification.permission !== "default";
}
document.addEventListener("click", async (event) => {
  if (!event.target.closest?.("[data-notify]")) return;
  await Notification.requestPermission();
  offer();
});
document.addEventListener("desk:renewed", offer);
idle.then(offer);
