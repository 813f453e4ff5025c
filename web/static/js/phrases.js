// The few sentences scripts say, written by the server in the reader's language.
const sentences = new Map();
for (const one of document.getElementById("phrases")?.content.querySelectorAll("[data-phrase]") ?? []) {
  sentences.set(one.dataset.phrase, one.textContent);
}

export const phrase = (name) => sentences.get(name) ?? "";
