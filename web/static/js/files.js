// Attachments by drop or by choice, shown before they are sent and removable one by one.
import { phrase } from "./phrases.js";

const PICTURES = /^image\/(png|jpeg|gif|webp)$/;
const input = (form) => form.querySelector('input[type="file"]');
const home = (event) => event.target.closest?.("form[data-files]");

function hold(form, files) {
  const bag = new DataTransfer();
  for (const file of files) bag.items.add(file);
  input(form).files = bag.files;
  show(form);
}

function show(form) {
  const list = form.querySelector("[data-files-list]");
  list.replaceChildren(
    ...[...input(form).files].map((file, index) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "×";
      button.setAttribute("aria-label", `${phrase("remove")} ${file.name}`);
      button.addEventListener("click", () => hold(form, [...input(form).files].filter((_, other) => other !== index)));
      item.append(file.name, ...(PICTURES.test(file.type) ? [placer(form, file)] : []), button);
      return item;
    }),
  );
}

// A picture can stand in the text: "[photo.png]" there is its place.
function placer(form, file) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "↵";
  button.title = phrase("place");
  button.setAttribute("aria-label", `${phrase("place")} ${file.name}`);
  button.addEventListener("click", () => {
    const field = form.elements.body;
    const at = field.selectionEnd;
    const before = at && field.value[at - 1] !== "\n" ? "\n" : "";
    field.setRangeText(`${before}[${file.name}]\n`, at, at, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  return button;
}

document.addEventListener("change", (event) => {
  const form = home(event);
  if (form && event.target === input(form)) show(form);
});
document.addEventListener("dragover", (event) => {
  const form = home(event);
  if (!form || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  form.toggleAttribute("data-dropping", true);
});
document.addEventListener("dragleave", (event) => {
  const form = home(event);
  if (form && !form.contains(event.relatedTarget)) form.removeAttribute("data-dropping");
});
document.addEventListener("drop", (event) => {
  const form = home(event);
  if (!form || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  form.removeAttribute("data-dropping");
  hold(form, [...input(form).files, ...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const form = home(event);
  if (form && event.clipboardData?.files.length) hold(form, [...input(form).files, ...event.clipboardData.files]);
});
document.addEventListener("desk:emptied", (event) => home(event) && show(home(event)));
