// What was just done, with its way back: it stays while the pointer or the focus is on it, and leaves by itself later.
// Once it left, the region it stands in does not bring it back. Besides: small forms begin anew once they are sent.

const STAY = 30000;
const begun = new Map(); // event -> when it was first shown
const left = new Set();

function look() {
  for (const done of document.querySelectorAll("[data-done]")) {
    const event = done.dataset.done;
    done.hidden = left.has(event);
    done.querySelector("[data-done-close]").hidden = false;
    if (begun.has(event)) continue;
    begun.set(event, performance.now());
    setTimeout(() => leave(event), STAY);
  }
}

function leave(event) {
  const done = document.querySelector(`[data-done="${event}"]`);
  if (done?.matches(":hover, :focus-within")) {
    setTimeout(() => leave(event), 5000);
    return;
  }
  left.add(event);
  if (done) done.hidden = true;
}

document.addEventListener("click", ({ target }) => {
  const done = target.closest?.("[data-done-close]")?.closest("[data-done]");
  if (!done) return;
  left.add(done.dataset.done);
  done.hidden = true;
});

// What was written since it was sent stays.
document.addEventListener("desk:sent", ({ detail: { form, data } }) => {
  if (form.dataset.clears !== "when-sent") return;
  if ([...new FormData(form)].every(([name, value]) => data.getAll(name).includes(value))) form.reset();
});

document.addEventListener("desk:renewed", look);
look();
