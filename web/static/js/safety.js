// Before a mail leaves. A mail its author is asked about comes back with the questions, which are laid below the box;
// and whoever begins to write holds the reply, while colleagues see who it is.
import { put } from "./place.js";
import { stale } from "./regions.js";

const BEAT = 20000;
const IDLE = 600000; // who typed nothing for so long is not writing
const REPLY = 'form[data-for="reply"]';
let writing = null; // { id, field, typed, timer }

const placeOf = (form) => form.querySelector(".safety-place");
const region = (id) => document.getElementById(`lock-${id}`);
const ticketOf = (form) => form.closest("[data-ticket]")?.dataset.ticket;

// --- the questions

document.addEventListener("desk:halted", (event) => {
  const { form, page } = event.detail;
  const place = placeOf(form);
  const fresh = place && page.getElementById(place.id);
  if (!fresh?.querySelector(".safety")) return;
  event.preventDefault(); // else it is announced as an error
  place.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  // What came with it is in the answer, too.
  for (const box of form.querySelectorAll("[name=keep_file], [name=canned_file]")) box.closest("li").remove();
  for (const laid of form.querySelectorAll("[data-canned-laid] [name=canned]")) laid.remove();
  const files = form.querySelector('input[type="file"]');
  if (files?.files.length) {
    files.value = ""; // the desk has them; they are listed with the questions
    files.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const lock = page.getElementById(`lock-${ticketOf(form)}`);
  if (lock) put(lock.id, null, lock.outerHTML);
  const panel = place.querySelector(".safety");
  panel.scrollIntoView({ block: "nearest" });
  panel.focus();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-safety-back]");
  if (!link) return;
  event.preventDefault();
  const form = link.closest("form");
  link.closest(".safety").remove();
  form.elements.body.focus();
});

// What was changed is looked at anew: the old "send it" no longer counts.
for (const name of ["input", "change"]) {
  document.addEventListener(name, ({ target }) => {
    target.closest?.("form")?.querySelector("[data-safety-send]")?.remove();
  });
}

document.addEventListener("desk:sent", ({ detail: { form } }) => {
  placeOf(form)?.replaceChildren();
  if (form.matches(REPLY)) stop({ tell: false }); // the desk has let go of it
});

// --- who is writing

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.(REPLY);
  if (!form || target !== form.elements.body) return;
  const id = ticketOf(form);
  if (!region(id)) return;
  if (!target.value.trim()) return stop({ tell: true });
  if (writing?.id === id) {
    writing.typed = Date.now();
    return;
  }
  stop({ tell: true });
  writing = { id, field: target, typed: Date.now(), timer: setInterval(beat, BEAT) };
  say(id, "take");
});

function beat() {
  if (!writing.field.isConnected) return stop({ tell: true });
  if (Date.now() - writing.typed < IDLE) say(writing.id, "take");
}

function stop({ tell }) {
  if (!writing) return;
  clearInterval(writing.timer);
  const { id } = writing;
  writing = null;
  if (tell) say(id, "release");
}

// One word after the other, and all of them before the mail: a "take" that came last would hold a ticket for nobody.
let words = Promise.resolve();

function say(id, what) {
  words = words.then(() => post(id, what));
}

document.addEventListener("desk:sending", ({ detail: { form, waits } }) => form.matches(REPLY) && waits.push(words));

async function post(id, what) {
  try {
    const answer = await fetch(`/tickets/${id}/lock`, {
      method: "POST",
      headers: { "X-Region": `lock-${id}` },
      body: new URLSearchParams({ what }),
    });
    if (answer.ok && !answer.redirected) put(`lock-${id}`, null, await answer.text());
  } catch {
    // No connection: the desk decides when the mail is sent.
  }
}

addEventListener("pagehide", () => {
  if (writing) navigator.sendBeacon(`/tickets/${writing.id}/lock`, new URLSearchParams({ what: "release" }));
});

// While a colleague writes the box is for reading; when their time is up, the desk is asked whether they went on.
const ends = new Map();

function show(root) {
  const places = root.matches?.("[data-lock]") ? [root] : (root.querySelectorAll?.("[data-lock]") ?? []);
  const near = [...places, root.closest?.(".ticket")?.querySelector("[data-lock]")];
  for (const place of new Set(near)) if (place) apply(place);
}

function apply(place) {
  const form = place.parentElement.querySelector(REPLY);
  if (!form?.elements.body) return;
  const isLocked = place.dataset.lock === "other";
  form.elements.body.readOnly = isLocked;
  for (const button of form.querySelectorAll(".compose-foot button")) button.disabled = isLocked;
  if (isLocked && writing?.field === form.elements.body) stop({ tell: false });
  clearTimeout(ends.get(place.id));
  ends.delete(place.id);
  if (!isLocked) return;
  const wait = Math.max(1000, Date.parse(place.dataset.ends) - Date.now() + 500);
  ends.set(place.id, setTimeout(() => stale([place.id]), wait));
}

document.addEventListener("desk:renewed", ({ detail: { root } }) => {
  if (writing && !writing.field.isConnected) stop({ tell: true });
  show(root);
});
show(document);
