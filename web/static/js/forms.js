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
const chosen = new WeakMap(); // of forms under way, what was chosen in them since

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-quick]") || event.defaultPrevented) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  if (underWay.has(form)) {
    if (form.querySelector("[data-submit]")) chosen.set(form, data); // a button pressed twice is one press
    return;
  }
  underWay.add(form);
  form.setAttribute("aria-busy", "true");
  try {
    for (let next = data; next; next = chosen.get(form)) {
      chosen.delete(form);
      await send(form, next);
    }
  } catch {
    announce(phrase("failed"), "error");
  } finally {
    underWay.delete(form);
    chosen.delete(form);
    form.removeAttribute("aria-busy");
  }
});

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
    if (!document.dispatchEvent(halted)) return; // its questions stand beside the form now
  }
  if (!answer.ok || refusal) {
    const words = refusal?.textContent.trim() || phrase("failed");
    if (!beside(form, refusal?.dataset.field, words)) announce(words, "error");
    if (form.querySelector("[data-submit]")) form.reset(); // a refused choice goes back; what was typed stays
    return;
  }
  document.dispatchEvent(new CustomEvent("desk:sent", { detail: { form } }));
  const menu = form.closest("details[data-menu][open]");
  if (menu?.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu?.removeAttribute("open");
  const to = new URL(answer.url);
  const went = location.pathname !== from; // and whoever opened something else meanwhile is not taken away from it
  if (page?.body.dataset.pane === "gate") location.assign(answer.url);
  else if (page && (to.pathname === from || went || "stay" in form.dataset)) take(page, asked);
  else if (page) location.assign(answer.url);
}

// What is wrong with one field is said below it, until something else is typed there; the focus goes there.
function beside(form, name, words) {
  const named = name && [...form.elements].filter((one) => one.name === name || one.name.endsWith(`_${name}`));
  const isOfMode = (one) => !one.closest("[data-when]") || getComputedStyle(one.closest("[data-when]")).display !== "none";
  const field = named?.find((one) => one.matches("input:not([type=hidden]), textarea") && isOfMode(one));
  if (!field) return false;
  field.closest("details:not([open])")?.setAttribute("open", "");
  const line = Object.assign(document.createElement("p"), { className: "field-error", id: `${form.id || name}-error`, textContent: words });
  line.setAttribute("role", "alert");
  document.getElementById(line.id)?.remove();
  (field.closest("label") ?? field).after(line);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", line.id);
  field.focus();
  field.addEventListener("input", () => {
    line.remove();
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }, { once: true });
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
