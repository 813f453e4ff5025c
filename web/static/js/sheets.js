// The first page a browser opens has its styles within it (web/assets.py). Once it stands the sheets themselves are fetched
// for the next page, which a cookie tells that they are here.
const told = document.querySelector("style[data-sheets]")?.dataset.sheets;
if (told) keep(...told.split(" ")).catch(() => {}); // where one is missing, the next page brings them again

async function keep(version, ...names) {
  const fetched = names.map(async (name) => {
    const answer = await fetch(`/static/${name}?v=${version}`, { priority: "low" });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  });
  await Promise.all(fetched);
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `sheets=${version}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}
