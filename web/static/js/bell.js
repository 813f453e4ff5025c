// The bell: its sheet is fetched when it is opened; what arrives while the page is in the background is shown by the
// desktop, where that was allowed and is wanted. The app's icon carries the number of unread ones.
import { idle } from "./rest.js";

let shown = null;

document.addEventListener("toggle", async ({ target }) => {
  if (target.id !== "bell" || !target.open) return;
  await fill(target);
}, true);

async function fill(bell) {
  try {
    const answer = await fetch("/notifications/list?short", { headers: { "X-Region": "bell-list" } });
    if (answer.ok && !answer.redirected) bell.querySelector("[data-bell-list]").innerHTML = await answer.text();
  } catch {
    // No connection: the link below the list is still there.
  }
}

document.addEventListener("desk:frame", ({ detail }) => {
  if (!(detail.do ?? []).some((step) => step.stale?.includes("bell"))) return;
  const bell = document.getElementById("bell");
  if (bell?.open) fill(bell);
  if (document.hidden) announce();
});

async function announce() {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const answer = await fetch("/notifications/newest", { headers: { Accept: "application/json" } });
    const news = answer.ok && !answer.redirected ? await answer.json() : {};
    if (!news.id || news.id === shown) return;
    shown = news.id;
    const note = new Notification(news.title, { body: news.body, tag: `news-${news.id}`, lang: document.documentElement.lang });
    note.addEventListener("click", () => {
      window.focus();
      location.assign(news.path);
      note.close();
    });
  } catch {
    // It is in the list when somebody looks.
  }
}

function badge() {
  const unread = Number(document.getElementById("bell")?.dataset.unread ?? 0);
  if (unread) navigator.setAppBadge?.(unread).catch(() => {});
  else navigator.clearAppBadge?.().catch(() => {});
}

document.addEventListener("desk:renewed", badge);
idle.then(badge);
