// Tickets opened in this window stay at hand in the rail until they are closed here or resolved.
import { phrase } from "./phrases.js";
import { idle } from "./rest.js";

const MOST = 8;
const KEY = "tabs";
let shown = "";

const load = () => {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
};
const keep = (tabs) => sessionStorage.setItem(KEY, JSON.stringify(tabs.slice(-MOST)));

function note() {
  const ticket = document.querySelector("#main .ticket[data-ticket]");
  if (!ticket) return;
  const { ticket: id, subject, state } = ticket.dataset;
  const tabs = load();
  const known = tabs.find((tab) => tab.id === id);
  if (known) Object.assign(known, { subject, state });
  else tabs.push({ id, subject, state });
  keep(tabs);
}

function show() {
  note();
  const place = document.querySelector("[data-tabs]");
  if (!place) return;
  const tabs = load();
  const current = document.querySelector("#main .ticket[data-ticket]")?.dataset.ticket;
  place.hidden = tabs.length === 0;
  const wanted = JSON.stringify([tabs, current]);
  if (wanted === shown) return;
  shown = wanted;
  place.querySelector("[data-tabs-list]").replaceChildren(...tabs.map((tab) => item(tab, tab.id === current)));
}

function item({ id, subject }, isCurrent) {
  const line = document.createElement("li");
  line.className = "tab-item";
  const link = document.createElement("a");
  link.href = `/tickets/${id}`;
  link.title = subject;
  link.dataset.openTicket = id;
  const figure = document.createElement("span");
  figure.className = "tab-number";
  figure.textContent = `#${id}`;
  const words = document.createElement("span");
  words.className = "rail-word";
  words.textContent = subject;
  link.append(figure, words);
  if (isCurrent) link.setAttribute("aria-current", "true");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tab-close";
  button.textContent = "×";
  button.setAttribute("aria-label", `${phrase("close")} #${id}`);
  button.addEventListener("click", () => {
    keep(load().filter((tab) => tab.id !== id));
    line.remove();
  });
  line.append(link, button);
  return line;
}

document.addEventListener("desk:renewed", show);
idle.then(show);
