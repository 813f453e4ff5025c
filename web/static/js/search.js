// The search box of the rail: "#12" opens ticket 12; while somebody types, the best tickets and customers stand below, to
// be walked with the arrow keys. Enter without a choice searches everything. While an input method is composing, and
// until one tick after, no key is ours; what it composes is looked up only when it is done.
let composing = false;
let wanted = 0;
let waits = 0;
const PAUSE = 140;

const boxOf = (element) => element.closest?.("[data-search]");
const listOf = (box) => box.form.querySelector("[data-search-offers]");
const offersOf = (box) => [...listOf(box).querySelectorAll("[role=option]")];
const chosenOf = (box) => offersOf(box).find((offer) => offer.getAttribute("aria-selected") === "true");

document.addEventListener("compositionstart", () => (composing = true));
document.addEventListener("compositionend", (event) => {
  setTimeout(() => (composing = false), 0);
  const box = boxOf(event.target);
  if (box) soon(box);
});

document.addEventListener("submit", (event) => {
  const words = event.target.querySelector?.("[data-search]")?.value.trim().normalize("NFKC");
  const ticket = words?.match(/^#\s*(\d{1,9})$/);
  if (!ticket) return;
  event.preventDefault();
  location.assign(`/tickets/${ticket[1]}`);
});

document.addEventListener("input", (event) => {
  const box = boxOf(event.target);
  if (box && !event.isComposing && !composing) soon(box);
});

document.addEventListener("focusin", (event) => {
  const box = boxOf(event.target);
  if (box) soon(box);
});

document.addEventListener("focusout", (event) => {
  const box = boxOf(event.target);
  if (box) close(box);
});

document.addEventListener("keydown", (event) => {
  const box = boxOf(event.target);
  if (!box || composing || event.isComposing || event.keyCode === 229) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (listOf(box).hidden) return void soon(box);
    event.preventDefault();
    step(box, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && chosenOf(box)) {
    event.preventDefault();
    location.assign(chosenOf(box).dataset.href);
  } else if (event.key === "Escape" && !listOf(box).hidden) {
    event.preventDefault();
    event.stopPropagation();
    close(box);
  }
}, true);

// Pressing must not take the focus, or the list would be gone before the click.
document.addEventListener("pointerdown", (event) => {
  if (event.target.closest?.("[data-search-offers]")) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const offer = event.target.closest?.("[data-search-offers] [role=option]");
  if (!offer) return;
  if (event.ctrlKey || event.metaKey) window.open(offer.dataset.href, "_blank", "noopener");
  else location.assign(offer.dataset.href);
});

function soon(box) {
  clearTimeout(waits);
  waits = setTimeout(() => offer(box), PAUSE);
}

async function offer(box) {
  const asked = ++wanted;
  try {
    const answer = await fetch(`/search/suggest?q=${encodeURIComponent(box.value)}`, { headers: { "X-Region": "search-offers" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (asked !== wanted || document.activeElement !== box) return; // something newer was typed, or nobody waits
    const list = listOf(box);
    list.replaceChildren(document.importNode(page.querySelector(".offers"), true));
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    box.removeAttribute("aria-activedescendant");
  } catch {
    // No connection: the box still works, its form leads to the page.
  }
}

function step(box, by) {
  const offers = offersOf(box);
  const at = offers.indexOf(chosenOf(box));
  const next = at + by < -1 ? offers.length - 1 : at + by >= offers.length ? -1 : at + by;
  offers.forEach((offer, number) => offer.setAttribute("aria-selected", String(number === next)));
  if (next < 0) return box.removeAttribute("aria-activedescendant");
  box.setAttribute("aria-activedescendant", offers[next].id);
  offers[next].scrollIntoView({ block: "nearest" });
}

function close(box) {
  clearTimeout(waits);
  wanted++;
  listOf(box).hidden = true;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}
