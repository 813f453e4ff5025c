// The service worker. It keeps one page, which says that the desk cannot be reached, and nobody's data; it shows what is
// pushed, and leads to where that happened. `DESK` is put before these lines by the server.
const KEPT = "desk-offline";
const OFFLINE = "/offline";
const NOBODYS = /^\/(s|wall|join|sign-in|welcome)(\/|$)|\/wall$/;

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(KEPT);
    await cache.addAll([OFFLINE, DESK.styles, DESK.script, DESK.icon].map((path) => new Request(path, { cache: "reload" })));
    await self.skipWaiting();
  };
  event.waitUntil(keep());
  // What is sent goes past this worker: the last words of a page that is left would be lost on their way through it.
  const past = event.addRoutes?.({ condition: { requestMethod: "POST" }, source: "network" });
  if (past) event.waitUntil(past);
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, search } = new URL(request.url);
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(async () => (await caches.match(OFFLINE)) ?? Response.error()));
  } else if ([DESK.styles, DESK.script, DESK.icon].includes(pathname + search)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});

self.addEventListener("push", (event) => {
  const show = async () => {
    const told = event.data?.json() ?? {};
    const pages = await opened();
    if (pages.some((page) => page.visibilityState === "visible")) return; // it is on the screen
    const looks = { body: told.body, tag: told.tag, lang: told.lang, icon: DESK.icon, badge: DESK.icon };
    await self.registration.showNotification(told.title ?? "", {
      ...looks, data: { path: told.path, stays: Boolean(told.over) }, requireInteraction: Boolean(told.over),
    });
    if (!told.over) return;
    // Nobody rings for ever: in the end it says that somebody called, and leads to the calls.
    await new Promise((resolve) => setTimeout(resolve, 1000 * told.over.seconds));
    const [shown] = await self.registration.getNotifications({ tag: told.tag });
    if (!shown?.data?.stays) return;
    await self.registration.showNotification(told.over.title, { ...looks, data: { path: told.over.path }, silent: true });
  };
  event.waitUntil(show());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { path = "/inbox", stays = false } = event.notification.data ?? {};
  const go = async () => {
    const pages = await opened();
    const page = pages.find(({ url }) => new URL(url).pathname === new URL(path, url).pathname) ?? pages[0];
    if (!page) return self.clients.openWindow(path);
    await page.focus().catch(() => {}); // the browser may refuse that; the way there is taken all the same
    if (stays) return page; // a call rings on whatever page is open: nobody is led away from what they write there
    return page.navigate(path).catch(() => self.clients.openWindow(path));
  };
  event.waitUntil(go());
});

// Pages that somebody works with, the one used last first; not a wallboard, nor what customers open.
async function opened() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return pages.filter(({ url }) => new URL(url).origin === location.origin && !NOBODYS.test(new URL(url).pathname));
}

// The browser's push service gave this device another address.
self.addEventListener("pushsubscriptionchange", (event) => {
  const renew = async () => {
    const options = event.oldSubscription?.options;
    const fresh = event.newSubscription ?? (options && (await self.registration.pushManager.subscribe(options)));
    if (!fresh) return;
    await fetch("/account/push", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ what: "start", subscription: fresh.toJSON() }),
    });
  };
  event.waitUntil(renew());
});
