// Looks every few seconds whether the desk answers again, and goes back to the page that was asked for.
const again = async () => {
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (answer.ok) location.reload();
  } catch {
    // still not
  }
};
setInterval(again, 4000);
addEventListener("online", again);
document.querySelector("[data-again]").addEventListener("click", (event) => {
  event.preventDefault();
  location.reload();
});
