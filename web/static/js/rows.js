// The list while it lives. A row is shown when it belongs to the page's view, at its place by time, and never under a
// hand that is about to click: while the pointer moves on the list, and a moment after, what would move its rows waits.
import { morph } from "./morph.js";
import { element, renewed } from "./place.js";

const AIMING = 1500;
let waiting = [];
let moved = -AIMING;
let timer = 0;

export function belongs(view, agent, ticket) {
  if (view === "resolved") return ticket.state === "resolved";
  if (ticket.state !== "open") return false;
  if (view === "mine") return String(ticket.assignee_id ?? "") === agent;
  if (view === "unassigned") return !ticket.assignee_id;
  if (view === "urgent") return Boolean(ticket.is_urgent) && ticket.state === "open";
  if (view === "all") return true;
  return view === `queue-${ticket.queue_id}`;
}

export function row(id, html, ticket) {
  const list = document.getElementById("rows");
  if (!list) return;
  const present = document.getElementById(`row-${id}`);
  const shown = Boolean(html) && belongs(list.dataset.view, list.dataset.agent, ticket);
  if (shown && present) {
    const fresh = element(html);
    const moves = Date.parse(fresh.dataset.at) !== Date.parse(present.dataset.at);
    morph(present, fresh);
    if (moves) gently(list, () => settle(list, present));
    renewed(present);
  } else if (shown) {
    const fresh = element(html);
    fresh.toggleAttribute("data-fresh", true);
    count(1);
    gently(list, () => settle(list, fresh));
  } else if (present) {
    count(-1);
    gently(list, () => {
      present.remove();
      blank(list);
    });
  }
}

function settle(list, item) {
  // A later word about the same ticket may have come while this one waited; the later one holds.
  const twin = document.getElementById(item.id);
  if (twin && twin !== item) twin.remove();
  const direction = list.dataset.sort === "oldest" ? 1 : -1;
  const at = Date.parse(item.dataset.at);
  const next = [...list.children].find((other) => other !== item && (Date.parse(other.dataset.at) - at) * direction > 0);
  const scroll = list.scrollTop;
  const above = next ? next.offsetTop < scroll : false;
  const focused = item.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(item, next ?? null);
  focused?.focus({ preventScroll: true }); // moving an element takes its focus away
  list.scrollTop = above ? scroll + item.offsetHeight : scroll;
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
  if (!busy(list)) return change();
  waiting.push(change);
  later();
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
  for (const change of changes) change();
}

document.addEventListener("pointermove", ({ target }) => {
  if (target.closest?.("#rows")) moved = performance.now();
  else release();
});
document.documentElement.addEventListener("pointerleave", release);
