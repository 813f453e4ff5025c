// Tiles of a dashboard that is being arranged are dragged to another place. The buttons on each do the same without.
import { stale } from "./regions.js";

let dragged = null;

function tiles(of) {
  return [...(of.closest("[data-tiles]")?.querySelectorAll("[data-tile]") ?? [])];
}

document.addEventListener("pointerdown", ({ target }) => {
  const tile = target.closest?.("[data-tiles] [data-tile]");
  if (tile) tile.draggable = !target.closest("button, a, summary, input, select");
});

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-tiles] [data-tile]") ?? null;
  if (!dragged) return;
  dragged.dataset.dragged = "";
  event.dataTransfer.effectAllowed = "move";
});

document.addEventListener("dragover", (event) => {
  const over = dragged && event.target.closest?.("[data-tiles] [data-tile]");
  if (!over || over === dragged) return;
  event.preventDefault();
  for (const tile of tiles(over)) tile.toggleAttribute("data-over", tile === over);
});

document.addEventListener("drop", async (event) => {
  const over = dragged && event.target.closest?.("[data-tiles] [data-tile]");
  if (!over || over === dragged) return;
  event.preventDefault();
  const body = new URLSearchParams({ do: "move", to: String(tiles(over).indexOf(over)) });
  const region = over.closest("[data-tiles]").id;
  await fetch(dragged.dataset.tile, { method: "POST", body, headers: { Accept: "text/plain" }, redirect: "manual" });
  stale([region]);
});

document.addEventListener("dragend", () => {
  for (const tile of document.querySelectorAll("[data-dragged], [data-over]")) {
    delete tile.dataset.dragged;
    delete tile.dataset.over;
  }
  dragged = null;
});
