// Opens a ticket beside the list without loading the page again. The address, the title and the back button behave as
// if it had been loaded; a click with a modifier does what the browser says.
import { element, renewed } from "./place.js";
import { catchUp } from "./regions.js";
import { painted } from "./rest.js";

const pane = document.querySelector("[data-pane-target]");
const empty = pane?.innerHTML;
const view = document.getElementById("rows")?.dataset.view;
let asked = 0;

// A list alone brings no style for tickets, which nobody waits for: it comes once the page stands, before a ticket is shown.
const sheet = pane?.dataset.sheet;
const styled = sheet ? painted.then(() => new Promise((done) => {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet, onload: done, onerror: done });
  document.querySelector('style, link[rel="stylesheet"]').after(link);
})) : null;

export async function open(id, { push = true } = {}) {
  const mine = ++asked;
  const moment = performance.now();
  const address = `/tickets/${id}?${list()}`;
  let answer;
  try {
    answer = await fetch(`/tickets/${id}/region`);
  } catch {
    answer = null;
  }
  if (mine !== asked) return;
  if (!answer?.ok || answer.redirected) {
    location.assign(address);
    return;
  }
  const fresh = element(await answer.text());
  await styled;
  if (mine !== asked) return;
  if (push) history.pushState({ ticket: id }, "", address);
  pane.replaceChildren(fresh);
  document.body.dataset.pane = "ticket";
  entitle(`#${id} ${fresh.dataset.subject}`);
  renewed(pane);
  catchUp(pane, moment);
}

function close() {
  asked += 1;
  const row = document.querySelector(`#row-${pane.querySelector(".ticket")?.dataset.ticket} a`);
  pane.innerHTML = empty;
  document.body.dataset.pane = "list";
  row?.focus();
  entitle(document.getElementById("list-title")?.firstChild.textContent.trim() ?? "");
  renewed(pane);
}

// The list beside it as an address names it: its view, and its order and how far down where the address says so.
function list() {
  const asked = [...new URLSearchParams(location.search)].filter(([name]) => name === "sort" || name === "after");
  return new URLSearchParams([["view", view], ...asked]);
}

function entitle(words) {
  document.title = `${words} – ${document.querySelector(".brand-name")?.textContent ?? ""}`;
}

if (pane) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-open-ticket]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(link.dataset.openTicket);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("a[data-back]") || document.body.dataset.pane !== "ticket") return;
    event.preventDefault();
    history.pushState({}, "", `/inbox?${list()}`);
    close();
  });
  addEventListener("popstate", () => {
    const id = location.pathname.match(/^\/tickets\/(\d+)$/)?.[1];
    if (id) {
      if (id !== pane.querySelector(".ticket")?.dataset.ticket) open(id, { push: false });
    } else if (location.pathname === "/inbox" && pane.querySelector(".ticket")) {
      location.reload();
    }
  });
}
