// What stays where something came, left or grew does not jump to its new place: it slides there.
const SLIDE = { duration: 160, easing: "ease-out" };
const slides = new WeakMap();

export const still = matchMedia("(prefers-reduced-motion: reduce)");

// Where these stand. What is still on its way from an earlier slide has arrived.
export function places(items) {
  for (const item of items) slides.get(item)?.way?.cancel();
  return items.map((item) => [item, item.getBoundingClientRect().top]);
}

// Held where they stood for a frame, or a browser takes it for a jump however softly they go on.
export function slide(shown, list) {
  if (still.matches) return;
  const left = shown.filter(([item]) => list.contains(item));
  for (const [item] of left) item.style.removeProperty("transform");
  const gaps = left.map(([item, stood]) => [item, stood - item.getBoundingClientRect().top]);
  for (const [item, gap] of gaps) {
    const own = {};
    slides.set(item, own);
    if (!gap) continue;
    const held = `translateY(${gap}px)`;
    item.style.transform = held;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (slides.get(item) !== own) return;
      item.style.removeProperty("transform");
      own.way = item.animate([{ transform: held }, { transform: "none" }], SLIDE);
    }));
  }
}

