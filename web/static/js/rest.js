// Asks for what no first view waits for (later.js), once the page has been painted. Whoever needs it waits for `rest`. Where
// it does not come, links and forms do as they do without a script, and the next page asks for it again. What costs a first
// view time and shows nothing in it (the socket, what the browser keeps, what it allows) waits for `painted`, too.
const MOMENT = 200; // a page nobody sees is never painted

export const painted = new Promise((go) => {
  requestAnimationFrame(() => setTimeout(go));
  setTimeout(go, MOMENT);
});

painted.then(() => document.documentElement.toggleAttribute("data-painted", true)); // list.css lays out the rest then

export const rest = painted.then(() => import("./later.js")).catch(reportError);
