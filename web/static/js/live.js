// The socket that keeps the page true. Frames are numbered; after a break the server is told the last number heard and
// answers with what was missed, or with a word to reload.
import { lead } from "./lead.js";
import { drop, put } from "./place.js";
import { stale } from "./regions.js";
import { row } from "./rows.js";
import { painted, rest } from "./rest.js";
import { phrase } from "./phrases.js";

const SIGNED_OUT = 4401;
const TOPICS_CHANGED = 4409;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15000;
const SILENCE = 50000; // the desk says something every twenty seconds: a line that is still for so long is dead
const LOOK = 5000;

const body = document.body;
let number = Number(body.dataset.number ?? 0);
let pause = FIRST_PAUSE;
let timer = 0;
let socket = null;
let heard = 0; // when the line last said something, by the clock that goes on while a machine sleeps
let leaving = false;

function connect() {
  clearTimeout(timer);
  heard = Date.now();
  const address = new URL(body.dataset.live, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("after", number);
  const mine = (socket = new WebSocket(address));
  mine.addEventListener("open", async () => {
    pause = FIRST_PAUSE;
    await rest; // whoever sees the sign can count on all of the page
    if (socket !== mine || mine.readyState !== WebSocket.OPEN) return;
    say("on");
    document.dispatchEvent(new CustomEvent("desk:connected"));
  });
  mine.addEventListener("message", ({ data }) => socket === mine && hear(JSON.parse(data)));
  mine.addEventListener("close", ({ code }) => {
    if (socket !== mine || leaving) return;
    if (code === SIGNED_OUT) {
      location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
    say("off");
    again(code === TOPICS_CHANGED ? 0 : pause * (0.5 + Math.random()));
  });
}

// A line of which nobody knows whether it still holds: a new one asks for what was missed.
function lose(wait) {
  const old = socket;
  socket = null;
  old?.close();
  say("off");
  again(wait);
}

// A word to the desk that is lost where there is no connection.
export function tell(words) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(words));
}

function again(wait) {
  pause = Math.min(pause * 1.8, LONGEST_PAUSE);
  clearTimeout(timer);
  timer = setTimeout(connect, wait);
}

function hear(frame) {
  heard = Date.now();
  for (const step of frame.do ?? []) act(step, frame.pause);
  if (Number.isInteger(frame.n)) number = Math.max(number, frame.n);
  document.dispatchEvent(new CustomEvent("desk:frame", { detail: frame }));
}

function act(step, pause) {
  if ("put" in step) put(step.put, step.into, step.html);
  else if ("row" in step) row(step.row, step.html, step.view ?? {});
  else if (step.drop?.startsWith("row-")) row(step.drop.slice(4), "", {});
  else if ("drop" in step) drop(step.drop);
  else if ("stale" in step) stale(step.stale, pause);
  else if ("open" in step) lead(step.open);
  else if (step.reload) location.reload();
}

function say(state) {
  const sign = document.getElementById("connection");
  if (!sign || sign.dataset.connection === state) return; // a screen reader would say it once more
  sign.dataset.connection = state;
  sign.title = phrase(state);
  sign.querySelector("[data-connection-words]").textContent = phrase(state);
}

if (body.dataset.live) {
  painted.then(connect);
  // Who signs out here is led on by the answer to that, and not by the socket, which hears of it too.
  document.addEventListener("submit", ({ target }) => (leaving ||= target.matches('[action="/sign-out"]')));
  // Wi-Fi that went, a machine that slept, a line that somebody on the way forgot: none of them closes a socket soon.
  addEventListener("offline", () => lose(LONGEST_PAUSE));
  addEventListener("online", () => lose(0));
  setInterval(() => socket && Date.now() - heard > SILENCE && lose(0), LOOK);
  addEventListener("pageshow", (event) => event.persisted && socket?.readyState > WebSocket.OPEN && again(0));
}
