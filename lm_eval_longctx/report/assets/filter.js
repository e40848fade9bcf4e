// Filters and sorting: of rows, tasks, runs, columns and cells that stand on the page.

/** Return what the filters are set to. */
const chosenFilters = () =>
  Object.fromEntries(["model", "task", "length", "outcome"].map((name) => [name, byId(`filter-${name}`).value]));

/** Show what passes the filters, and only that; cells of other outcomes are dimmed, since a grid must keep its form. */
function applyFilters() {
  const chosen = chosenFilters();
  const differs = (value, wanted) => Boolean(wanted) && value !== undefined && value !== wanted;
  for (const one of all("[data-model], [data-task]", byId("summary"))) {
    const kinds = one.dataset.outcomes;
    const other = Boolean(chosen.outcome) && kinds !== undefined && !kinds.split(" ").includes(chosen.outcome);
    one.hidden = differs(one.dataset.model, chosen.model) || differs(one.dataset.task, chosen.task) || other;
  }
  for (const one of all(".task")) one.hidden = differs(one.dataset.task, chosen.task);
  for (const one of all(".task article")) one.hidden = differs(one.dataset.model, chosen.model);
  for (const one of all(".heat [data-length]")) {
    one.hidden = differs(one.dataset.length, chosen.length);
    const kinds = one.dataset.outcomes;
    one.classList.toggle("dim", Boolean(chosen.outcome) && kinds !== undefined && !kinds.split(" ").includes(chosen.outcome));
  }
}

/** Put filters and search into the address (#?model=…&search=…), so that a view can be sent; nothing of it if all is shown. */
function rememberView() {
  const set = { ...chosenFilters(), search: byId("search").value.trim() };
  const view = new URLSearchParams(Object.entries(set).filter(([, value]) => value)).toString();
  history.replaceState(null, "", view ? `#?${view}` : "#");
}

/** Set filters and search as an address says; what the page does not have is left at "all". */
function recallView(view) {
  const wanted = new URLSearchParams(view);
  for (const name of Object.keys(chosenFilters())) {
    const select = byId(`filter-${name}`);
    const value = wanted.get(name) || "";
    select.value = [...select.options].some((one) => one.value === value) ? value : "";
  }
  byId("search").value = wanted.get("search") || "";
  applyFilters();
  search(byId("search").value.trim());
}

/** Let the heads of a table sort its rows: by what stands beside a cell (data-sort), else by its text. */
function makeSortable(table) {
  all("thead th", table).forEach((head, column) => {
    if (!head.firstElementChild) head.replaceChildren(make("button", { type: "button" }, head.textContent));
    head.firstElementChild.addEventListener("click", () => sortBy(table, head, column));
  });
}

function sortBy(table, head, column) {
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0];
  const value = (row) => {
    const cell = row.cells[column];
    return "sort" in cell.dataset ? cell.dataset.sort : cell.textContent.trim();
  };
  body.append(...[...body.rows].sort((a, b) => compared(value(a), value(b), up)));
}

/** Compare numbers as numbers and all else as words; what is not known comes last either way. */
function compared(one, two, up) {
  if (one === "" || two === "") return (one === "") - (two === "");
  const numbers = [one, two].map((text) => Number(text.replace(/^[≥ ]+/, "").replace(/ ?%$/, "")));
  const order = numbers.some(Number.isNaN) ? one.localeCompare(two, "en", { numeric: true }) : numbers[0] - numbers[1];
  return up ? order : -order;
}
