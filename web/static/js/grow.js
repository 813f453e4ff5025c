// A text field grows with its words, up to the height its style allows.
function fit(field) {
  field.style.blockSize = "auto";
  const edges = field.offsetHeight - field.clientHeight;
  if (field.scrollHeight) field.style.blockSize = `${field.scrollHeight + edges}px`;
}

const fitAll = (root) => root.querySelectorAll?.("textarea[data-grow]").forEach((field) => field.value && fit(field));
for (const name of ["input", "desk:grow"]) {
  document.addEventListener(name, ({ target }) => target.matches?.("textarea[data-grow]") && fit(target));
}
document.addEventListener("desk:emptied", ({ target }) => {
  for (const field of target.querySelectorAll("textarea[data-grow]")) field.style.removeProperty("block-size");
});
document.addEventListener("desk:renewed", ({ detail: { root } }) => fitAll(root));
fitAll(document);
