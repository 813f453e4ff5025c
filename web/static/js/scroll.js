// A conversation opens at its end, and stays there when something is added, unless the reader has scrolled up.
const NEAR = 80;
const seen = new WeakSet();
const atEnd = new WeakMap();
const ranges = new WeakMap(); // how far it could be scrolled when it was last looked at
const range = (box) => box.scrollHeight - box.clientHeight;
const sized = new ResizeObserver((changes) => changes.forEach(keep));

function keep({ target }) {
  if (atEnd.get(target)) target.scrollTop = target.scrollHeight;
  ranges.set(target, range(target));
}

// What moves because it grew or shrank, or what lies below it did, was not scrolled by the reader.
function scrolled({ target }) {
  const most = range(target);
  if (most === ranges.get(target)) atEnd.set(target, most - target.scrollTop < NEAR);
  ranges.set(target, most);
}

function look() {
  for (const box of document.querySelectorAll('[data-scroll="end"]')) {
    if (!seen.has(box)) {
      seen.add(box);
      box.addEventListener("scroll", scrolled, { passive: true });
      atEnd.set(box, true);
      sized.observe(box); // a docked call or a growing reply box takes room from it
    }
    keep({ target: box });
  }
}

document.addEventListener("desk:renewed", look);
look();
