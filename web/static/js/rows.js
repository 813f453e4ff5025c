// The list while it lives. A row is shown when it belongs to the page's view, at its place by time, and never under a
// hand that is about to click: while the pointer moves on the list, and a moment after, what would move its rows waits.
import { morph } from "./morph.js";
import { element, renewed } from "./place.js";
import { places, slide, still } from "./slide.js";

const AIMING = 1500;
let waiting = [];
let moved = -AIMING;
let timer = 0;

export function belongs(view, agent, ticket) {
  if (view === "resolved" || view === "pending") return ticket.state === view;
  if (ticket.state !== "open") return false;
  if (view === "mine") return String(ticket.assignee_id ?? "") === agent;
  if (view === "unassigned") return !ticket.assignee_id;
  if (view === "urgent") return Boolean(ticket.is_urgent);
  if (view === "all") return true;
  return view === `queue-${ticket.queue_id}`;
}

export function row(id, html, ticket) {
  const list = document.getElementById("rows");
  if (!list) return;
  const isSaved = list.dataset.view.startsWith("saved-");
  if (isSaved && html) ask(id, html);
  else change(list, id, html, Boolean(html) && belongs(list.dataset.view, list.dataset.agent, ticket));
}

// Whether a row belongs to a view that somebody kept only the server can tell. It is asked for all that changed within
// a moment; until it answers, rows stay as they are, and a row whose answer is lost is asked for with the next.
const PAUSE = 200;
const open = new Map();
let asking = 0;

function ask(id, html) {
  open.set(String(id), html);
  clearTimeout(asking);
  asking = setTimeout(belong, PAUSE);
}

async function belong() {
  const list = document.getElementById("rows");
  if (!list || !open.size) return;
  const asked = new Map([...open].slice(0, 100));
  try {
    const query = new URLSearchParams({ view: list.dataset.view, ids: [...asked.keys()].join(",") });
    const answer = await fetch(`/inbox/belongs?${query}`, { headers: { Accept: "application/json" } });
    if (answer.status === 404) return location.assign("/inbox"); // the view is gone, or not shared any more
    if (!answer.ok) return;
    const { held, total } = await answer.json();
    for (const [id, html] of asked) {
      if (open.get(id) !== html) continue; // it changed again meanwhile, and is asked for once more
      open.delete(id);
      change(list, id, html, held.includes(Number(id)), false);
    }
    const words = document.querySelector("[data-list-total]");
    if (words) words.textContent = total;
  } catch {
    // No connection: its return brings the page up to date.
  }
  if (open.size) asking = setTimeout(belong, PAUSE);
}

function change(list, id, html, shown, counts = true) {
  const present = document.getElementById(`row-${id}`);
  if (shown && present) {
    const fresh = element(html);
    const moves = key(list, fresh) !== key(list, present);
    fresh.querySelector("a[aria-current]")?.removeAttribute("aria-current");
    if (present.querySelector("a[aria-current]")) fresh.querySelector("a")?.setAttribute("aria-current", "true");
    const draft = present.querySelector(".row-draft"); // one's own, of which the desk tells nobody else
    if (draft && !fresh.querySelector(".row-draft")) fresh.querySelector(".row-snippet")?.prepend(draft.cloneNode(true), " ");
    morph(present, fresh);
    if (moves) gently(list, () => settle(list, present));
    renewed(present);
  } else if (shown) {
    const fresh = element(html);
    fresh.toggleAttribute("data-fresh", true);
    if (counts) count(1);
    gently(list, () => settle(list, fresh));
  } else if (present) {
    if (counts) count(-1);
    gently(list, () => {
      present.remove();
      blank(list);
    });
  }
}

// The place of a row in the list's order: whoever has less stands first. A ticket with nothing due comes last.
const KEYS = {
  newest: ({ at }) => -Date.parse(at),
  oldest: ({ at }) => Date.parse(at),
  created_newest: ({ created }) => -Date.parse(created),
  created_oldest: ({ created }) => Date.parse(created),
  priority_high: ({ priority, ticket }) => -priority * 1e10 - ticket,
  priority_low: ({ priority, ticket }) => priority * 1e10 + Number(ticket),
  due_soon: ({ due, ticket }) => (due ? Date.parse(due) : 1e16 + Number(ticket)),
  due_late: ({ due, ticket }) => (due ? -Date.parse(due) : 1e16 - ticket),
};

const key = (list, item) => (KEYS[list.dataset.sort] ?? KEYS.newest)(item.dataset);

function settle(list, item) {
  // A later word about the same ticket may have come while this one waited; the later one holds.
  const twin = document.getElementById(item.id);
  if (twin && twin !== item) twin.remove();
  const at = key(list, item);
  const next = [...list.children].find((other) => other !== item && key(list, other) > at);
  const focused = item.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(item, next ?? null);
  focused?.focus({ preventScroll: true }); // moving an element takes its focus away
  blank(list);
  renewed(item);
}

function blank(list) {
  const words = document.querySelector("[data-list-empty]");
  if (words) words.hidden = list.children.length > 0;
}

function count(change) {
  const total = document.querySelector("[data-list-total]");
  const known = Number(total?.textContent);
  if (total && Number.isInteger(known)) total.textContent = Math.max(0, known + change);
}

const busy = (list) => list.matches(":hover") && performance.now() - moved < AIMING;

function gently(list, change) {
  if (!busy(list)) return glide(list, change);
  waiting.push(change);
  later();
}

// Rows that somebody reads do not jump: what comes above them scrolls them out of its way, and a list that stood at its
// beginning rolls back to it. Where one leaves, those below it slide up.
const SEEN = 24;
let rolling = false;

function glide(list, change) {
  const edge = list.getBoundingClientRect().top;
  const rows = [...list.children];
  const first = rows.findIndex((item) => item.getBoundingClientRect().bottom > edge + 1);
  const seen = rows.slice(Math.max(0, first), Math.max(0, first) + SEEN);
  const shown = places(seen);
  const isAtTop = rolling || list.scrollTop < 4;
  change();
  const [stays, stood] = shown.slice(0, 3).find(([item]) => list.contains(item)) ?? [];
  if (!stays) return;
  const moved = stays.getBoundingClientRect().top - stood;
  if (!moved || list.scrollTop + moved < 0) return slide(shown, list); // a list cannot be scrolled to before its beginning
  if (isAtTop) list.style.paddingBlockEnd = `${list.parentElement.clientHeight}px`; // so that a short list can be scrolled, too
  list.scrollTop += moved;
  if (isAtTop) roll(list);
}

function roll(list) {
  rolling = true;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (rolling) list.scrollTo({ top: 0, behavior: still.matches ? "instant" : "smooth" });
    if (list.scrollTop < 1) rolled({ currentTarget: list });
  }));
}

function rolled({ currentTarget: list }) {
  if (rolling && list.scrollTop >= 1) return; // the end of making room, not of the way back
  rolling = false;
  list.style.paddingBlockEnd = "";
}

const rowList = document.getElementById("rows");
rowList?.addEventListener("scrollend", rolled);
for (const name of ["wheel", "pointerdown", "keydown", "touchstart"]) {
  rowList?.addEventListener(name, () => (rolling = false), { passive: true });
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(release, AIMING);
}

function release() {
  const list = document.getElementById("rows");
  if (!waiting.length || !list) return;
  if (busy(list)) return later();
  const changes = waiting;
  waiting = [];
  glide(list, () => changes.forEach((change) => change()));
}

document.addEventListener("pointermove", ({ target }) => {
  if (target.closest?.("#rows")) moved = performance.now();
  else release();
});
document.documentElement.addEventListener("pointerleave", release);
