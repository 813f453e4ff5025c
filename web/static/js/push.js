// Push to this device. The service worker is registered on every page, so that the desk can be installed and says so
// when it cannot be reached; whether this browser is pushed to is chosen on one's settings. A browser somebody else was
// pushed on stops when another agent signs in there.
const KEY = "desk-push-said";
const ANSWER = 20000;
const place = document.querySelector("[data-push]");
const send = async (told) => {
  const answer = await fetch("/account/push", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(told),
  });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  return (await answer.json()).on;
};

async function begin() {
  if (!("serviceWorker" in navigator) || !document.body.dataset.agent || !isSecureContext) return null;
  const worker = await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const subscription = await worker.pushManager?.getSubscription();
  const mark = `${document.body.dataset.agent} ${subscription?.endpoint}`;
  if (subscription && (place || sessionStorage.getItem(KEY) !== mark)) {
    if (!(await send({ what: "here", endpoint: subscription.endpoint }))) await subscription.unsubscribe();
    else sessionStorage.setItem(KEY, mark);
  }
  return worker;
}

const ready = begin().catch(() => null);

// What stood on the screen of a telephone meanwhile and is here now, or over.
async function tidy() {
  const worker = await ready;
  for (const note of (await worker?.getNotifications?.()) ?? []) {
    if (note.tag.startsWith("call-") || note.data?.path === location.pathname + location.hash) note.close();
  }
}
document.addEventListener("visibilitychange", () => document.hidden || tidy().catch(() => {}));
tidy().catch(() => {});

function state(name) {
  for (const one of place.querySelectorAll("[data-push-state]")) one.hidden = one.dataset.pushState !== name;
  place.querySelector("[data-push-start]").hidden = name !== "off";
  place.querySelector("[data-push-stop]").hidden = name !== "on";
}

async function look() {
  const worker = await ready;
  if (!worker?.pushManager || !("Notification" in window)) return state("cannot");
  if (Notification.permission === "denied") return state("denied");
  state((await worker.pushManager.getSubscription()) ? "on" : "off");
}

async function start() {
  const worker = await ready;
  if ((await Notification.requestPermission()) !== "granted") return look();
  const answer = await fetch("/account/push/key", { method: "POST", headers: { Accept: "application/json" } });
  const { key } = await answer.json();
  const wait = await navigator.serviceWorker.ready;
  const asked = (wait ?? worker).pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const late = new Promise((_, reject) => setTimeout(reject, ANSWER, new Error("late")));
  const subscription = await Promise.race([asked, late]); // a browser whose push service is shut off asks for ever
  try {
    await send({ what: "start", subscription: subscription.toJSON() });
  } catch (error) {
    await subscription.unsubscribe();
    throw error;
  }
  return look();
}

async function stop() {
  const subscription = await (await ready)?.pushManager.getSubscription();
  if (subscription) {
    await send({ what: "stop", endpoint: subscription.endpoint });
    await subscription.unsubscribe();
  }
  return look();
}

if (place) {
  const said = place.querySelector("[data-push-said]");
  for (const [selector, work] of [["[data-push-start]", start], ["[data-push-stop]", stop]]) {
    place.querySelector(selector).addEventListener("click", async ({ currentTarget: button }) => {
      button.setAttribute("aria-busy", "true");
      said.textContent = "";
      await work().catch(() => (said.textContent = said.dataset.failed));
      button.removeAttribute("aria-busy");
    });
  }
  look();
}
