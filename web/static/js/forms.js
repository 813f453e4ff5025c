// A form marked data-quick is sent without leaving the page. The server answers as it would to a browser without a
// script, with a redirect to a page; the regions that page and this one share are taken over from it. When the answer
// lives at another address, the browser goes there, unless the form is marked data-stay.
import { morph } from "./morph.js";
import { isNewer, renewed } from "./place.js";
import { catchUp, last } from "./regions.js";
import { rest } from "./rest.js";
import { phrase } from "./phrases.js";
import { announce } from "./notices.js";

const PATIENCE = 2000; // no form waits longer for what should go before it
const underWay = new WeakSet();
const waiting = new WeakMap(); // of forms under way, what goes after: the last choice, or each line written since

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-quick]") || event.defaultPrevented) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  const isLine = form.dataset.clears === "at-once"; // the next line can be written while this one is on its way
  if (isLine) form.reset();
  if (underWay.has(form)) {
    if (isLine) waiting.get(form).push(data);
    else if (form.querySelector("[data-submit]")) waiting.set(form, [data]); // a button pressed twice is one press
    return;
  }
  underWay.add(form);
  waiting.set(form, [data]);
  form.setAttribute("aria-busy", "true");
  let next;
  try {
    while ((next = waiting.get(form).shift())) {
      if (!(await send(form, next)) && isLine) giveBack(form, next);
    }
  } catch {
    for (const line of isLine ? [...waiting.get(form).reverse(), next] : []) giveBack(form, line);
    announce(phrase("failed"), "error");
  } finally {
    underWay.delete(form);
    form.removeAttribute("aria-busy");
  }
});

const giveBack = (form, data) => document.dispatchEvent(new CustomEvent("desk:unsent", { detail: { form, data } }));

// The second press of a button that emptied its field is no reproach.
document.addEventListener("invalid", (event) => underWay.has(event.target.form) && event.preventDefault(), true);

// Any other form leaves the page and is sent once: a second press of the same button while the first is on its way would
// make a second rule, reply or calendar. Whoever comes back to the page may send it again.
const AGAIN = 10_000; // or after so long, where the browser stayed
let gone = new WeakMap(); // form -> the button that sent it

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-quick]") || form.getAttribute("method")?.toLowerCase() !== "post") return;
  if (gone.has(form) && gone.get(form) === event.submitter) {
    event.preventDefault();
    return;
  }
  setTimeout(() => {
    if (event.defaultPrevented) return; // somebody else sends it
    gone.set(form, event.submitter);
    setTimeout(() => gone.delete(form), AGAIN);
  });
});
addEventListener("pageshow", () => (gone = new WeakMap()));

// Whether the desk took it.
async function send(form, data) {
  const plain = form.enctype !== "multipart/form-data";
  await patiently(rest); // which has its say in what is sent and in what comes back
  const waits = []; // what must have reached the desk before
  document.dispatchEvent(new CustomEvent("desk:sending", { detail: { form, data, waits } }));
  await patiently(Promise.all(waits));
  const asked = performance.now();
  const from = location.pathname;
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { Accept: "text/html" },
    body: plain ? new URLSearchParams(data) : data,
  });
  const isPage = (answer.headers.get("content-type") ?? "").includes("text/html");
  const page = isPage ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  // A broken rule comes back as the page the form stood on, with the reason as its notice, or as an error's own page.
  const refusal = page?.querySelector('[data-error-message], #notice > [data-kind="error"]');
  if (!answer.ok && page) {
    const halted = new CustomEvent("desk:halted", { detail: { form, page }, cancelable: true });
    if (!document.dispatchEvent(halted)) return false; // its questions stand beside the form now
  }
  if (!answer.ok || refusal) {
    const words = refusal?.textContent.trim() || phrase("failed");
    const refused = { detail: { form, name: refusal?.dataset.field, words }, cancelable: true };
    if (document.dispatchEvent(new CustomEvent("desk:refused", refused))) announce(words, "error"); // else its field says it
    if (form.querySelector("[data-submit]")) form.reset(); // a refused choice goes back; what was typed stays
    return false;
  }
  document.dispatchEvent(new CustomEvent("desk:sent", { detail: { form, data } }));
  const menu = form.closest("details[data-menu][open]");
  if (menu?.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu?.removeAttribute("open");
  const to = new URL(answer.url);
  const went = location.pathname !== from; // and whoever opened something else meanwhile is not taken away from it
  if (page?.body.dataset.pane === "gate") location.assign(answer.url);
  else if (page && (to.pathname === from || went || "stay" in form.dataset)) take(page, asked);
  else if (page) location.assign(answer.url);
  return true;
}

const patiently = (what) => Promise.race([what, new Promise((passed) => setTimeout(passed, PATIENCE))]);

function take(page, asked) {
  for (const fresh of page.querySelectorAll("[data-src]:not([data-fetch]), #pops > .pop")) {
    const present = document.getElementById(fresh.id);
    last.delete(fresh.id);
    if (present && !(fresh.matches(".pop") && isNewer(fresh.id, asked))) morph(present, document.importNode(fresh, true));
  }
  const said = page.querySelector("#notice > .notice");
  if (said) document.getElementById("notice")?.replaceChildren(document.importNode(said, true));
  renewed(document.body);
  catchUp(document.body, asked);
}

// A select that acts by itself, with its button kept for those without a script.
document.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-submit]")) target.form.requestSubmit();
});

// Ctrl or Cmd with Enter sends; while an input method is composing, Enter belongs to it.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  if (!event.target.matches?.("[data-send]")) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});
