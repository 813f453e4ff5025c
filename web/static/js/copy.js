// A button marked data-copy puts the words of the element it names on the clipboard, and says so.
import { announce } from "./notices.js";
import { phrase } from "./phrases.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  const words = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    source.select?.(); // no clipboard without TLS: mark it, and the old command may copy it
    if (!document.execCommand("copy")) return;
  }
  announce(phrase("copied"));
});

// Without a script there is nothing such a button could do, so it is shown by one.
const show = (root) => root.querySelectorAll?.("button[data-copy][hidden]").forEach((button) => (button.hidden = false));
document.addEventListener("desk:renewed", ({ detail: { root } }) => show(root));
show(document);

// The command under a demonstration's choice follows the choice.
document.addEventListener("change", ({ target }) => {
  const command = target.closest?.(".try-card")?.querySelector(".command");
  if (command) command.textContent = command.textContent.replace(/\S+$/, target.value);
});
