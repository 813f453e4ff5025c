// Running lengths of time: data-since counts up, data-until counts down. One clock for the whole page.
function write(count) {
  const whole = Math.max(0, Math.floor(count));
  const hours = Math.floor(whole / 3600);
  const two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const one of document.querySelectorAll("[data-since], [data-until]")) {
    const { since, until } = one.dataset;
    const left = (since ? now - Date.parse(since) : Date.parse(until) - now) / 1000;
    const isOver = Boolean(one.dataset.over) && left < 0;
    const text = isOver ? one.dataset.over : write(left);
    one.toggleAttribute("data-late", isOver);
    if (one.textContent !== text) one.textContent = text;
  }
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
document.addEventListener("desk:renewed", tick);
