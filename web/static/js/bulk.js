// Ticked rows: one by a click or the x key, a range with Shift, all with the first box of the bar. The bar itself, with
// what can be done, is fetched when the first row is ticked, and lies over the foot of the list, so nothing moves.
const form = document.querySelector("[data-bulk]");
const list = document.getElementById("rows");
let last = null;
let loading = null;

const ticks = () => [...document.querySelectorAll("#rows [data-tick]")];
const chosen = () => ticks().filter((tick) => tick.checked);

async function offer() {
  const place = form.querySelector("[data-bulk-acts]");
  if (!place.firstElementChild) {
    const html = await (loading ??= fetched()); // one for all that are ticked while it is on its way
    if (!html) return;
    if (!place.firstElementChild) place.innerHTML = html;
  }
  show();
}

// The bar's HTML; nothing without a connection, and the next tick asks again.
async function fetched() {
  const address = `/bulk?view=${encodeURIComponent(form.elements.view.value)}`;
  try {
    const answer = await fetch(address, { headers: { "X-Region": "bulk" } });
    return answer.ok && !answer.redirected ? await answer.text() : "";
  } catch {
    return "";
  } finally {
    loading = null;
  }
}

function show() {
  const place = form.querySelector("[data-bulk-acts]");
  const count = chosen().length;
  place.hidden = count === 0;
  list.closest(".list").toggleAttribute("data-choosing", count > 0);
  const words = place.querySelector("[data-bulk-count]");
  if (words) words.textContent = count;
  const whole = place.querySelector("[data-bulk-whole]");
  if (whole && count === 0) whole.checked = false;
}

function ticked(tick, isRange) {
  if (isRange && last?.isConnected && last !== tick) {
    const every = ticks();
    const [from, to] = [every.indexOf(last), every.indexOf(tick)].sort((a, b) => a - b);
    for (const each of every.slice(from, to + 1)) each.checked = tick.checked;
  }
  last = tick;
  if (chosen().length) offer();
  else show();
}

export function toggle() {
  const row = document.activeElement?.closest?.("#rows .row") ?? list?.querySelector(".row:has([aria-current])");
  const tick = row?.querySelector("[data-tick]");
  if (!tick) return;
  tick.checked = !tick.checked;
  ticked(tick, false);
}

// From a row to the bar, which lies before all of them.
export const offers = () => form?.querySelector("[data-bulk-offers] .button");

export function none() {
  for (const tick of chosen()) tick.checked = false;
  show();
}

if (form && list) {
  list.addEventListener("click", (event) => {
    if (event.target.matches("[data-tick]")) ticked(event.target, event.shiftKey);
  });
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-tick]")) return;
    event.preventDefault(); // a box would send the form
    event.target.closest(".row").querySelector("a").click();
  });
  form.addEventListener("click", ({ target }) => target.closest("[data-bulk-none]") && none());
  form.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-bulk-whole]")) return;
    for (const tick of ticks()) tick.checked = target.checked || tick.checked;
    show();
  });
  document.addEventListener("desk:renewed", () => form.querySelector("[data-bulk-acts]").firstElementChild && show());
  addEventListener("pageshow", () => chosen().length && offer()); // boxes a browser kept ticked on the way back
}
