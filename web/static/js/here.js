// Who else has this ticket open, and who is writing: the desk is told what is open here while somebody can see it, and
// tells the others. A page in the background looks at nothing.
import { tell } from "./live.js";
import { element, renewed } from "./place.js";

const OPEN = 20000;
const TYPING = 2500;
let said = 0;
let wrote = 0;
let writes = "";

const ticket = () => (document.hidden ? 0 : Number(document.querySelector("#main .ticket[data-ticket]")?.dataset.ticket ?? 0));

function look({ again = false } = {}) {
  const id = ticket();
  if (id === said && !again) return;
  if (id !== said) writes = "";
  if (id || said) tell({ at: id, writes });
  said = id;
}

document.addEventListener("desk:connected", () => {
  said = 0;
  look();
});
document.addEventListener("desk:renewed", () => look());
document.addEventListener("visibilitychange", () => look());
setInterval(() => look({ again: true }), OPEN);

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.("form[data-draft]");
  if (!form || target !== form.elements.body || !ticket()) return;
  const kind = target.value.trim() ? (form.dataset.for === "note" ? "note" : "reply") : "";
  const now = Date.now();
  if (kind === writes && (!kind || now - wrote < TYPING)) return;
  wrote = now;
  writes = kind;
  look({ again: true });
  if (kind) setTimeout(() => Date.now() - wrote >= 2 * TYPING && (writes = ""), 2 * TYPING);
});
document.addEventListener("desk:sent", ({ detail: { form } }) => {
  if (!form.dataset.draft || !writes) return;
  writes = "";
  look({ again: true });
});

document.addEventListener("desk:frame", ({ detail }) => {
  for (const step of detail.do ?? []) if ("here" in step) show(step.here, step.html);
});

function show(id, html) {
  const place = document.getElementById(`here-${id}`);
  if (!place) return;
  const fresh = element(html);
  const others = [...fresh.children].filter((one) => one.dataset.agent !== document.body.dataset.agent);
  fresh.replaceChildren(...others);
  place.replaceChildren(fresh);
  place.hidden = !others.length;
  const line = document.getElementById(`writing-${id}`);
  const words = others.filter((one) => one.dataset.writes).map((one) => one.title).join(" ");
  if (line && line.textContent !== words) line.textContent = words;
  renewed(place);
}
