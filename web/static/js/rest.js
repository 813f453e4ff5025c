// Asks for what no first view waits for (later.js), once the page has been painted. Whoever needs it waits for `rest`. Where
// it does not come, links and forms do as they do without a script, and the next page asks for it again. The socket waits
// for `painted`, too; what asks the browser for what it keeps or allows waits until the page has nothing else to do (`idle`),
// so that the first tap is not behind it.
const MOMENT = 200; // a page nobody sees is never painted, and a busy one is never idle

export const painted = new Promise((go) => {
  requestAnimationFrame(() => setTimeout(go));
  setTimeout(go, MOMENT);
});

export const rest = painted.then(() => import("./later.js")).catch(reportError);

export const idle = painted.then(() => new Promise((go) => {
  if ("requestIdleCallback" in window) requestIdleCallback(go, { timeout: MOMENT });
  else setTimeout(go, MOMENT);
}));

idle.then(() => document.documentElement.toggleAttribute("data-painted", true)); // list.css lays out what is below then
