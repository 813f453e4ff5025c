// A button marked data-test sends its form to be tried, not kept, and so does the one that asks what saving would change
// in a form marked data-foresee. The page that comes back holds no password and no file, so what was typed stays where
// it is, and only the answer and the errors beside the fields are taken over.
import { phrase } from "./phrases.js";
import { announce } from "./notices.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.('button[data-test], form[data-foresee] button[name="rehearse"]');
  if (!button) return;
  event.preventDefault();
  const { form } = button;
  if (button.getAttribute("aria-busy") === "true") return;
  if (!button.formNoValidate && !form.reportValidity()) return;
  button.setAttribute("aria-busy", "true");
  try {
    const data = new FormData(form, button);
    const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
    const answer = await fetch(button.formAction, { method: "POST", headers: { Accept: "text/html" }, body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const said = button.name === "rehearse" ? foresee(button, page) : tell(page);
    for (const field of form.querySelectorAll(".field")) judge(field, page);
    const place = form.querySelector('[aria-invalid="true"]') ?? said;
    if (!place) throw new Error("not the form");
    (place === true ? button : place).focus();
  } catch {
    announce(phrase("failed"), "error");
  } finally {
    button.removeAttribute("aria-busy");
  }
});

function tell(page) {
  const tried = page.getElementById("tried");
  if (tried) document.getElementById("tried").replaceChildren(...tried.childNodes);
  return Boolean(tried);
}

function foresee(button, page) {
  document.getElementById("will")?.remove();
  const will = page.getElementById("will");
  if (!will) return null;
  will.querySelector("[data-unkept]")?.remove();
  button.closest(".form-foot").before(document.adoptNode(will));
  return will;
}

function judge(field, page) {
  const input = field.querySelector("[name][id]");
  if (!input) return;
  const fresh = page.getElementById(input.id);
  field.querySelector(".field-error")?.remove();
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (fresh?.hasAttribute(name)) input.setAttribute(name, fresh.getAttribute(name));
    else input.removeAttribute(name);
  }
  const error = fresh?.closest(".field").querySelector(".field-error");
  if (error) field.append(error);
}
