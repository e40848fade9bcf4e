// Search in questions, right answers and answers: block after block, so that nothing is unpacked twice at a time.

const MOST_FOUND = 200; // hits that are listed; all are counted
const AROUND = 60; // characters around a hit

let searching = 0; // the number of the latest search: an older one that still runs gives up

/** Return whether a cell's block or element passes the filters. */
function passes(data) {
  const chosen = chosenFilters();
  const kinds = (data.outcomes || "").split(" ");
  return ["model", "task", "length"].every((name) => !chosen[name] || data[name] === chosen[name])
    && (!chosen.outcome || kinds.includes(chosen.outcome));
}

/** Search, and list what is found above the summary. */
async function search(asked) {
  const mine = ++searching;
  const place = byId("found");
  place.hidden = !asked;
  place.replaceChildren();
  if (!asked) return announce("");
  const list = make("ol");
  const needle = asked.toLowerCase();
  let count = 0, read = 0;
  place.append(make("h2", { tabindex: "-1", id: "found-title" }, `Found: ${asked}`), list);
  for (const block of blocks().filter((one) => passes(one.dataset))) {
    const cell = await openBlock(block);
    if (mine !== searching) return undefined;
    read += cell.samples.length;
    for (const sample of cell.samples.filter(allowed)) {
      const hit = hitIn(sample, needle);
      if (!hit) continue;
      count += 1;
      if (count <= MOST_FOUND) list.append(hitView(hit, needle.length, sample, cell, block.dataset.cell));
    }
    if (count === 0) announce(`Searching: ${written(read)} samples read`);
  }
  const more = count > MOST_FOUND ? `, the first ${MOST_FOUND} are listed` : "";
  return announce(`${written(count)} of ${written(read)} samples hold “${asked}”${more}`);
}

/** Whether a sample has the outcome that is asked for. */
function allowed(sample) {
  const { outcome } = chosenFilters();
  return !outcome || sample.outcome === outcome;
}

/** Return the first text of a sample that holds what is looked for, and where; undefined if none does. */
function hitIn(sample, needle) {
  for (const name of ["answer", "question", "target", "id"]) {
    const text = wordsOf(sample[name]);
    const at = text.toLowerCase().indexOf(needle);
    if (at >= 0) return { name: name === "target" ? "right answer" : name, text, at };
  }
  return undefined;
}

/** Show a hit in its surroundings, as a link to its sample. */
function hitView({ name, text, at }, length, sample, cell, anchor) {
  const where = `${cell.model}, ${cell.task}, ${cell.length}, depth ${cell.depth}`;
  const parts = [text.slice(Math.max(0, at - AROUND), at), text.slice(at, at + length), text.slice(at + length, at + length + AROUND)];
  return make(
    "li", {},
    make("a", { href: addressOf(anchor, sample.id) }, make("bdi", {}, where)), ` (${score(sample.score)}, ${spelt(sample.outcome)}) ${name}: `,
    make("bdi.hit", { dir: "auto" }, parts[0], make("mark", {}, parts[1]), parts[2]),
  );
}
