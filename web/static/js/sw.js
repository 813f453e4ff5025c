// The service worker. It keeps one page, which says that the desk cannot be reached, and nobody's data; it shows what is
// pushed, and leads to where that happened. `DESK` is put before these lines by the server.
const KEPT = "desk-offline";
const OFFLINE = "/offline";

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
    const pages = await self.clients.matchAll({ type: "window" });
    if (pages.some((page) => page.visibilityState === "visible")) return; // it is on the screen
    await self.registration.showNotification(told.title ?? "", {
      body: told.body, tag: told.tag, lang: told.lang, icon: DESK.icon, badge: DESK.icon, data: { path: told.path },
      requireInteraction: Boolean(told.tag?.startsWith("call-")),
    });
  };
  event.waitUntil(show());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const go = async () => {
    const path = event.notification.data?.path ?? "/inbox";
    const pages = await self.clients.matchAll({ type: "window" });
    if (pages[0]) {
      await pages[0].focus();
      await pages[0].navigate(path);
    } else {
      await self.clients.openWindow(path);
    }
  };
  event.waitUntil(go());
});
