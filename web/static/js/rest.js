// Asks for what no first view waits for (later.js), once the page has been painted. Whoever needs it waits for `rest`. Where
// it does not come, links and forms do as they do without a script, and the next page asks for it again.
const MOMENT = 200; // a page nobody sees is never painted

const painted = new Promise((go) => {
  requestAnimationFrame(() => setTimeout(go));
  setTimeout(go, MOMENT);
});

export const rest = painted.then(() => import("./later.js")).catch(reportError);
