// Regions that went stale are fetched again from their data-src: at most once a second each, a little apart from other
// screens, and only while somebody can see them. The rail stands on every page: where very many are open the desk says
// how long each is to pause, and they spread out over a part of that. What went stale while a part of the page was on
// its way here, in an answer that may have been rendered before the change, is fetched once more when that part has been
// put in (`catchUp`).
import { morph } from "./morph.js";
import { renewed } from "./place.js";
import { places, slide } from "./slide.js";

const PAUSE = 1000;
const KEPT = 60000; // no answer is on its way for longer
export const last = new Map(); // when each was asked for; who brings a newer one forgets it, and no earlier answer is shown
const planned = new Set();
const told = new Map(); // when each region last went stale, whether or not it had a place then

export function stale(ids, pause = PAUSE) {
  const now = performance.now();
  for (const [id, at] of told) if (now - at > KEPT) told.delete(id);
  for (const id of ids) {
    told.set(id, now);
    plan(id, id === "rail" ? pause : PAUSE);
  }
}

export function catchUp(root, asked) {
  for (const { id } of [root, ...root.querySelectorAll("[data-src]")]) {
    if (told.get(id) >= asked) plan(id);
  }
}

function plan(id, pause = PAUSE) {
  if (planned.has(id) || !document.getElementById(id)?.dataset.src) return;
  planned.add(id);
  if (document.hidden) return;
  const since = performance.now() - (last.get(id) ?? -pause);
  setTimeout(() => renew(id), Math.max(0, pause - since) + Math.random() * Math.max(150, (pause - PAUSE) / 4));
}

async function renew(id) {
  if (document.hidden) return;
  planned.delete(id);
  const region = document.getElementById(id);
  if (!region) return;
  const asked = performance.now();
  last.set(id, asked);
  try {
    const answer = await fetch(region.dataset.src, { headers: { "X-Region": id } });
    if (answer.status === 401 || answer.redirected) return;
    const html = answer.ok && (await answer.text());
    if (html && last.get(id) === asked) replace(id, html, asked); // else a later answer is on its way or here
  } catch {
    // No connection: the socket notices too, and its return brings the page up to date.
  }
}

// The answer may be the region alone, or a whole page in which it stands.
function replace(id, html, asked) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(id);
  const present = document.getElementById(id);
  if (!fresh || !present) return;
  const shown = places(present.closest("main")?.scrollTop ? [] : seen(present));
  morph(present, fresh);
  slide(shown, present);
  renewed(present);
  catchUp(present, asked);
}

// Lines of a list that are on the screen. Where somebody has scrolled on, the browser itself keeps them where they are.
function seen(region) {
  const lines = [...region.querySelectorAll("[data-slide] > *")];
  return lines.filter((line) => line.getBoundingClientRect().top < innerHeight);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const id of [...planned]) renew(id);
});
