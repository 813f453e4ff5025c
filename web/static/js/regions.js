// Regions that went stale are fetched again from their data-src: at most once a second each, a little apart from other
// screens, and only while somebody can see them.
import { morph } from "./morph.js";
import { renewed } from "./place.js";

const PAUSE = 1000;
const last = new Map();
const planned = new Set();

export function stale(ids) {
  for (const id of ids) plan(id);
}

function plan(id) {
  if (planned.has(id) || !document.getElementById(id)?.dataset.src) return;
  planned.add(id);
  if (document.hidden) return;
  const since = performance.now() - (last.get(id) ?? -PAUSE);
  setTimeout(() => renew(id), Math.max(0, PAUSE - since) + Math.random() * 150);
}

async function renew(id) {
  if (document.hidden) return;
  planned.delete(id);
  const region = document.getElementById(id);
  if (!region) return;
  last.set(id, performance.now());
  try {
    const answer = await fetch(region.dataset.src, { headers: { "X-Region": id } });
    if (answer.status === 401 || answer.redirected) return;
    if (answer.ok) replace(id, await answer.text());
  } catch {
    // No connection: the socket notices too, and its return brings the page up to date.
  }
}

// The answer may be the region alone, or a whole page in which it stands.
function replace(id, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(id);
  const present = document.getElementById(id);
  if (!fresh || !present) return;
  morph(present, fresh);
  renewed(present);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const id of [...planned]) renew(id);
});
