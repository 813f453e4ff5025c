// What stands beside a ticket: how it closes and unfolds, suggestions for tags, and its own fields when they are refused.
import { isComposing, TYPED_INTO } from "./keys.js";
import { morph } from "./morph.js";

// It is behind a button where it is narrow. It closes on Escape too, once no menu and no dialog is open and no field is
// typed into, and gives the focus back to that button.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || isComposing(event) || event.target.matches?.(TYPED_INTO)) return;
  const closer = document.querySelector(".side:target .side-closer");
  if (!closer?.checkVisibility() || document.querySelector("details[data-menu][open], dialog[open]")) return;
  closer.click();
  document.querySelector(".side-opener")?.focus();
}, true);

// What unfolds beside a ticket below the lower edge comes into sight; the focus stays on what unfolded it.
document.addEventListener("toggle", ({ target }) => {
  if (!target.open || !target.matches(".side details")) return;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "nearest", behavior: isCalm ? "instant" : "smooth" });
}, true);

// Tags that begin like what is typed.
let asked = 0;
document.addEventListener("input", async ({ target }) => {
  if (!target.matches?.("[data-tag-input]")) return;
  const mine = ++asked;
  const answer = await fetch(`/tags?q=${encodeURIComponent(target.value)}`).catch(() => null);
  if (!answer?.ok || answer.redirected || mine !== asked) return;
  const { tags } = await answer.json();
  target.list?.replaceChildren(...tags.map((name) => Object.assign(document.createElement("option"), { value: name })));
});

// A form that was refused shows what is wrong beside each field. Whoever sends one waits for this script first.
document.addEventListener("desk:halted", (event) => {
  const { form, page } = event.detail;
  const present = document.querySelector("[data-fields-form]");
  const fresh = page.querySelector("[data-fields-form]");
  if (!present || !fresh || (form !== present && !form.querySelector("[data-resolve]"))) return;
  if (form === present) event.preventDefault(); // else what cannot be done is said besides
  // What is typed stays as it is; the errors are put beside it.
  morph(present, document.importNode(fresh, true));
  present.querySelector('[aria-invalid="true"]')?.focus();
});
