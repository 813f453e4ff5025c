// The focus is never lost. Where what has it leaves the page or is hidden, by what was pressed there or by news, it goes
// on to the same control if that was only drawn anew, else to the one beside its place; where its whole part of the page
// went, to what takes that back; from a call that is over, back to where it was. Never into a field: the next letter may
// be a shortcut.
const CONTROLS = "a[href], button:enabled, summary, [tabindex]";
const PART = "ul, ol, tbody, form, fieldset, details, .work-things, .done-place";
let held = null; // what has the focus, or had it last
let outside = null; // what had it last besides the cards of calls

const isLost = () => !document.activeElement || document.activeElement === document.body;
const isSeen = (element) => element.isConnected && element.checkVisibility({ visibilityProperty: true });
const sign = ({ tagName, name, value, href, form, textContent }) => [tagName, name, value, href, form?.action, textContent].join("\n");
const follows = (one, next) => next?.isConnected && (next.contains(one) || next.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);

document.addEventListener("focusin", ({ target }) => {
  held = target;
  if (!target.closest("#pops")) outside = target;
});

// What is hidden or switched off loses it with an event, what is removed without one. Whoever presses on nothing gives
// it up on purpose, and a dialog gives it back by itself.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (relatedTarget || target !== held || target.closest("dialog")) return;
  queueMicrotask(() => {
    if (held !== target || !target.isConnected || !isLost()) return; // or it is the observer's
    if (!isSeen(target) || target.disabled) passOn(target, target.parentElement, target);
    else held = null;
  });
});

new MutationObserver((records) => {
  if (!held || held.isConnected || !isLost()) return;
  for (let gone = held; gone; ) {
    const at = records.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(gone)));
    if (!at || at.target.isConnected) return passOn(held, at?.target ?? document.body, at?.nextSibling ?? at?.addedNodes[0]);
    gone = at.target;
  }
}).observe(document.body, { childList: true, subtree: true });

function passOn(lost, parent, next) {
  held = null;
  const isCall = parent.closest("#pops");
  if (isCall && !parent.closest(".pop") && outside && isSeen(outside)) return take(outside);
  const heir = within(parent.closest(PART), lost, next) ?? (isCall ? null : document.querySelector("[data-undo]:not([hidden] *)"));
  for (let place = parent; place; place = place.parentElement) {
    const found = heir ?? within(place, lost, next);
    if (found) return take(found);
  }
}

function within(place, lost, next) {
  const controls = [...(place?.querySelectorAll(CONTROLS) ?? [])].filter((one) => one.tabIndex >= 0 && !one.contains(lost) && isSeen(one));
  const line = controls.at(-1)?.closest("li, tr"); // of the line before it the first control, which is seldom what removes
  const before = controls.find((one) => line?.contains(one)) ?? controls.at(-1);
  return controls.find((one) => sign(one) === sign(lost)) ?? controls.find((one) => follows(one, next)) ?? before;
}

const take = (heir) => heir.focus({ preventScroll: true });

// Arrows and letters on a select that acts open its list: else each step on the way to the wanted line would act at once.
const isOpen = CSS.supports("selector(:open)") ? (field) => field.matches(":open") : () => false;
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (!target.matches?.("select[data-submit]") || event.ctrlKey || event.metaKey || event.altKey || key === " " || isOpen(target)) return;
  if (key.length > 1 && !/^(Arrow|Page|Home$|End$)/.test(key)) return;
  try {
    target.showPicker();
    event.preventDefault();
  } catch {
    // A browser that cannot: its own way with keys.
  }
});
