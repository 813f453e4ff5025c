// What stands beside a ticket is behind a button where it is narrow. It closes on Escape too, once no menu and no dialog is
// open and no field is typed into, and gives the focus back to that button.
import { isComposing, TYPED_INTO } from "./keys.js";

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || isComposing(event) || event.target.matches?.(TYPED_INTO)) return;
  const closer = document.querySelector(".side:target .side-closer");
  if (!closer?.checkVisibility() || document.querySelector("details[data-menu][open], dialog[open]")) return;
  closer.click();
  document.querySelector(".side-opener")?.focus();
}, true);
