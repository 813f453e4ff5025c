// A button marked data-test sends its form to be tried, not kept. The page that comes back holds no password, so what
// was typed stays where it is, and only the answer and the errors beside the fields are taken over.
import { phrase } from "./phrases.js";
import { announce } from "./notices.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-test]");
  if (!button) return;
  event.preventDefault();
  const { form } = button;
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(button.formAction, { method: "POST", headers: { Accept: "text/html" }, body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const tried = page.getElementById("tried");
    if (!tried) throw new Error("not the form");
    document.getElementById("tried").replaceChildren(...tried.childNodes);
    for (const field of form.querySelectorAll(".field")) judge(field, page);
    (form.querySelector('[aria-invalid="true"]') ?? button).focus();
  } catch {
    announce(phrase("failed"), "error");
  } finally {
    button.removeAttribute("aria-busy");
  }
});

function judge(field, page) {
  const input = field.querySelector("[name]");
  const fresh = page.getElementById(input.id);
  field.querySelector(".field-error")?.remove();
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (fresh?.hasAttribute(name)) input.setAttribute(name, fresh.getAttribute(name));
    else input.removeAttribute(name);
  }
  const error = fresh?.closest(".field").querySelector(".field-error");
  if (error) field.append(error);
}
