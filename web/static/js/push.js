// Push to this device. The service worker is registered on every page, so that the desk can be installed and says so
// when it cannot be reached; whether this browser is pushed to is chosen on one's settings. A browser somebody else was
// pushed on stops when another agent signs in there.
import { phrase } from "./phrases.js";

const KEY = "desk-push-said";
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
  const subscription = await (wait ?? worker).pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
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
      await work().catch(() => (said.textContent = phrase("failed")));
      button.removeAttribute("aria-busy");
    });
  }
  look();
}
