// What happens when: the address's end (#...) opens a cell or a view, forms filter and search, arrows walk through a grid.

/** Return what the address's end names: a place on the page, and perhaps a sample there (#place:sample). */
function named() {
  try {
    const [place, ...sample] = location.hash.slice(1).split(":").map(decodeURIComponent);
    return [place, sample.join(":")];
  } catch {
    return ["", ""]; // no address of ours
  }
}

/** Go where the address's end points: a cell, a sample in it, or a part of the page. */
function follow() {
  const [cell, sample] = named();
  if (location.hash.startsWith("#?")) recallView(location.hash.slice(2));
  if (blockOf(cell)) {
    reveal(byId(cell));
    openCell(cell, sample);
    return;
  }
  if (byId("cell").open) byId("cell").close();
  const place = cell && byId(cell);
  if (place) {
    reveal(place);
    place.scrollIntoView();
    (place.matches("details") ? place.querySelector("summary") : place).focus();
  }
}

/** Open the folded parts that hold an element, and the element itself. */
function reveal(element) {
  for (let one = element; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
}

/** When a panel is closed, the address points to its grid again, and the same cell can be opened anew. */
function leave() {
  const [cell] = named();
  if (!blockOf(cell)) return;
  const run = byId(cell).closest("article");
  history.replaceState(null, "", addressOf(run.id));
  byId(cell).firstElementChild.focus();
}

/** Let arrows, Home and End walk through a grid: one stop of the Tab key for each, not one for each cell. */
function walk(table) {
  const rows = [...table.tBodies[0].rows].map((row) => all("a", row));
  const links = rows.flat();
  links.forEach((one, index) => { one.tabIndex = index === 0 ? 0 : -1; });
  const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  table.addEventListener("keydown", (event) => {
    const row = rows.findIndex((some) => some.includes(event.target));
    if (row < 0) return;
    const column = rows[row].indexOf(event.target);
    const ends = { Home: rows[row][0], End: rows[row].at(-1) };
    const [down, right] = move[event.key] || [0, 0];
    const next = ends[event.key] || (move[event.key] && (rows[row + down] || [])[column + right]);
    if (!next) return;
    event.preventDefault();
    links.forEach((one) => { one.tabIndex = -1; });
    next.tabIndex = 0;
    next.focus();
  });
}

/** Turn dark and light; at first the page is as the system likes it. */
function turnLook() {
  const dark = document.documentElement.dataset.look
    ? document.documentElement.dataset.look === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.look = dark ? "light" : "dark";
  byId("look").setAttribute("aria-pressed", String(!dark));
}

/** On paper every task is unfolded; afterwards it is as it was. */
function forPaper() {
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details.task:not([open])");
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
}

function start() {
  const form = byId("filters");
  form.addEventListener("change", (event) => {
    if (event.target.tagName !== "SELECT") return;
    applyFilters();
    rememberView();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search(byId("search").value.trim());
    rememberView();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault(); // the form would be reset after this, too late for what follows from it
    recallView("");
    rememberView();
  });
  byId("look").addEventListener("click", turnLook);
  byId("cell").addEventListener("close", leave);
  byId("cell").addEventListener("click", (event) => { if (event.target === byId("cell")) byId("cell").close(); });
  all("table.sortable").forEach(makeSortable);
  all("table.heat").forEach(walk);
  forPaper();
  addEventListener("hashchange", follow);
  follow();
}

start();
