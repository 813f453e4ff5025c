// A conversation opens at its end, and stays there when something is added, unless the reader has scrolled up.
const NEAR = 80;
const seen = new WeakSet();
const atEnd = new WeakMap();
const sized = new ResizeObserver((changes) => {
  for (const { target } of changes) if (atEnd.get(target)) target.scrollTop = target.scrollHeight;
});

function look() {
  for (const box of document.querySelectorAll('[data-scroll="end"]')) {
    if (!seen.has(box)) {
      seen.add(box);
      box.addEventListener("scroll", () => atEnd.set(box, near(box)), { passive: true });
      box.scrollTop = box.scrollHeight;
      atEnd.set(box, true);
      sized.observe(box); // a docked call or a growing reply box takes room from it
    } else if (atEnd.get(box)) {
      box.scrollTop = box.scrollHeight;
    }
  }
}

const near = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;

document.addEventListener("desk:renewed", look);
look();
