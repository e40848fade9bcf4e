// The panel of one cell: a dialog, opened by the cell's link, that is, by the address's end (#...).

const AT_ONCE = 20; // samples that are shown before somebody asks for more

const ORDERS = {
  worst: { told: "worst score first", by: (sample, better) => worstFirst(sample.score, better) },
  asked: { told: "as they were asked", by: (sample) => sample.line },
  slow: { told: "slowest first", by: (sample) => -(sample.seconds || 0) },
  dear: { told: "most tokens first", by: (sample) => -Object.values(sample.tokens).reduce((sum, one) => sum + one, 0) },
};

/** What a score is sorted by: the worst first, what has no score last. */
function worstFirst(value, better) {
  if (value === null) return Infinity;
  return better === "higher" ? value : -value;
}

/** Open the panel of a cell; `sample` is one to go to. */
async function openCell(anchor, sample = "") {
  const panel = byId("cell");
  const block = blockOf(anchor);
  panel.replaceChildren(make("p", {}, "Opening…"));
  if (!panel.open) panel.showModal();
  try {
    showCell(panel, anchor, await openBlock(block), sample);
  } catch (error) {
    panel.replaceChildren(panelHead(anchor, "This cell cannot be shown"), make("p.note", {}, String(error.message || error)));
  }
}

/** Fill the panel. */
function showCell(panel, anchor, cell, wanted) {
  const title = `${cell.length}, depth ${cell.depth}`;
  const list = make("div.samples");
  const state = { order: "worst", outcome: byId("filter-outcome").value, shown: AT_ONCE };
  const kinds = [...new Set(cell.samples.map((one) => one.outcome))];
  if (!kinds.includes(state.outcome) || wanted) state.outcome = "";
  const draw = () => drawSamples(list, cell, anchor, state, draw);
  const choose = (name) => (event) => { state[name] = event.target.value; state.shown = AT_ONCE; draw(); };
  const orders = Object.entries(ORDERS).map(([name, one]) => make("option", { value: name }, one.told));
  const outcomes = kinds.map((kind) => make("option", { value: kind, selected: kind === state.outcome }, spelt(kind || "not kept")));
  const tools = make(
    "p.tools", {},
    make("label", {}, "Order ", make("select", { change: choose("order") }, ...orders)), " ",
    make("label", {}, "Outcome ", make("select", { change: choose("outcome") }, make("option", { value: "" }, "all"), ...outcomes)),
  );
  if (wanted) state.shown = Infinity; // it may stand anywhere
  draw();
  panel.replaceChildren(
    panelHead(anchor, title),
    make("p.quiet", {}, make("bdi", {}, cell.model), " on ", make("bdi", {}, cell.task)),
    make("details", {}, make("summary", {}, "About this cell"), ...cell.facts.map(
      (rows) => make("dl.facts", {}, ...rows.flatMap(([name, value]) => fact(name, value))),
    )),
    cell.samples.length > 1 ? tools : "",
    list,
    leftOut(cell),
  );
  const found = wanted && [...list.children].find((one) => one.dataset.sample === wanted);
  (found || panel.querySelector("h3")).focus();
  if (found) found.scrollIntoView({ block: "start" });
}

/** The panel's title, with the ways to its neighbours and out. */
function panelHead(anchor, title) {
  const cells = all(".heat td[id]").map((one) => one.id);
  const at = cells.indexOf(anchor);
  const way = (step, told) => cells[at + step] && at >= 0 ? make("a", { href: addressOf(cells[at + step]) }, told) : "";
  return make(
    "header", {},
    make("h3", { id: "cell-title", tabindex: "-1" }, title),
    make("nav", { "aria-label": "cells" }, way(-1, "Previous cell"), way(1, "Next cell"),
      make("button", { type: "button", click: () => byId("cell").close() }, "Close")),
  );
}

/** Say what of a cell is not here. */
function leftOut(cell) {
  if (!cell.samples.length) return make("p.note", {}, "Nobody kept the samples of this cell: run with --log_samples.");
  const rest = cell.left_out;
  return rest ? make("p.note", {}, `${written(rest)} more samples of this cell are not on this page; they are in ${cell.file}.`) : "";
}

/** Show the samples of a cell in order, the first of them at first. */
function drawSamples(list, cell, anchor, state, draw) {
  const { by } = ORDERS[state.order];
  const chosen = cell.samples.filter((one) => !state.outcome || one.outcome === state.outcome);
  const key = (one) => by(one, cell.better);
  const ordered = [...chosen].sort((a, b) => (key(a) === key(b) ? 0 : key(a) < key(b) ? -1 : 1));
  const shown = ordered.slice(0, state.shown).map((one) => sampleView(one, cell, anchor));
  const more = () => { state.shown += AT_ONCE; draw(); };
  const rest = ordered.length - shown.length;
  list.replaceChildren(...shown);
  if (rest > 0) list.append(make("button.more", { type: "button", click: more }, `Show more (${written(rest)} left)`));
}
