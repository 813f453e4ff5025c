// "#12" in the search box opens ticket 12; everything else searches the customers.
document.addEventListener("submit", (event) => {
  const words = event.target.querySelector?.("[data-search]")?.value.trim().normalize("NFKC");
  const ticket = words?.match(/^#\s*(\d+)$/);
  if (!ticket) return;
  event.preventDefault();
  location.assign(`/tickets/${ticket[1]}`);
});
