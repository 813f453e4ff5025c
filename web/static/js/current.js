// Marks where we are: the open ticket's row in the list, and the rail's entry for this view after it was fetched anew.
import { idle } from "./rest.js";

function mark() {
  const id = document.querySelector("#pane .ticket")?.dataset.ticket;
  for (const link of document.querySelectorAll("a[data-open-ticket]")) {
    if (id && link.dataset.openTicket === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const { view } = document.body.dataset;
  for (const link of document.querySelectorAll("#rail a[data-nav]")) {
    if (link.dataset.nav.split(" ").includes(view)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

document.addEventListener("desk:renewed", mark);
idle.then(mark);
