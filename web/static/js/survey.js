// A customer's answer. The mail's link has chosen already: it is kept as soon as the page is really seen, which programs
// that open every link of a mail do not do. A comment goes with the button.
const form = document.querySelector("form[data-survey]");

async function keep() {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "*/*" } });
  if (answer.ok) document.querySelector("[data-survey-thanks]").hidden = false;
}

function seen() {
  if (document.visibilityState !== "visible") return;
  document.removeEventListener("visibilitychange", seen);
  keep();
}

if (form) {
  form.addEventListener("change", ({ target }) => target.name === "score" && keep());
  if (form.hasAttribute("data-clicked")) {
    document.addEventListener("visibilitychange", seen);
    seen();
  }
}
