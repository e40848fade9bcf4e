// One sample, as people read it: what was asked, what was answered and what of it counted.

const KINDS = {
  thought: "thought, not read",
  wrapping: "wrapping, not read",
  read: "where the answer was looked for",
  claim: "what the answer claims",
  abstained: "says that it cannot be told",
  cut: "left out of this page",
};

const LITTLE = 800; // characters that no box has to scroll for
const FEW = 3; // samples in a cell up to which everything about each is unfolded

/** Show a text in pieces: a plain string, or pairs of kind and text (see report/pieces.py). */
function inPieces(pieces) {
  const parts = typeof pieces === "string" ? [["", pieces]] : pieces;
  const shown = parts.map(([kind, text]) =>
    kind === "" ? text : make(kind === "claim" || kind === "read" ? `mark.${kind}` : `span.${kind}`, { title: KINDS[kind] }, text),
  );
  // <bdi>: marks that turn the direction of writing end with the text that holds them
  return boxed(...shown);
}

/** Put text into a box of its own, which scrolls where there is much of it: then the keyboard must get there too. */
function boxed(...shown) {
  const box = make("pre", { dir: "auto" }, make("bdi", {}, ...shown));
  if (box.textContent.length > LITTLE || box.textContent.split("\n").length > LITTLE / 80) box.tabIndex = 0;
  return box;
}

/** Return the words of a text in pieces. */
const wordsOf = (pieces) => (typeof pieces === "string" ? pieces : pieces.map((one) => one[1]).join(""));

/** Explain the marks that occur in an answer; nothing if there are none. */
function legend(pieces) {
  if (typeof pieces === "string") return "";
  const kinds = [...new Set(pieces.map((one) => one[0]))].filter((kind) => kind in KINDS && kind !== "cut");
  const marks = kinds.map((kind) => make(`span.${kind}.key`, {}, KINDS[kind]));
  return marks.length ? make("p.legend", {}, ...marks) : "";
}

/** A term and what stands beside it; nothing where there is nothing. */
const fact = (name, ...values) => {
  const known = values.filter((one) => one !== "" && one !== null && one !== undefined);
  return known.length ? [make("div", {}, make("dt", {}, name), make("dd", {}, ...known))] : [];
};

/** A line of text with a button that copies it. */
function copyable(text) {
  const said = make("code", {}, text);
  const copy = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(said); // a page from disk may not be allowed to copy: it is selected instead
      button.textContent = "Selected";
    }
  };
  return make("span.copy", {}, said, make("button", { type: "button", click: copy }, "Copy"));
}

/** Return the address of a cell, or of a sample in it. */
const addressOf = (anchor, sample = "") => `#${encodeURIComponent(anchor)}${sample && `:${encodeURIComponent(sample)}`}`;

/** Show one sample; `cell` is what is told of all of them. */
function sampleView(sample, cell, anchor) {
  const number = sample.answer_of ? `, answer ${sample.answer_of[0]} of ${sample.answer_of[1]}` : "";
  const head = make(
    "h4", {},
    make("span.badge", { "data-score": sample.score === null ? "none" : "known" }, score(sample.score)), " ",
    make("span", {}, spelt(sample.outcome || "outcome not kept")), " ",
    make("small", {}, `${sample.variant ? `${sample.variant}, ` : ""}sample ${sample.id}${number}`), " ",
    make("a", { href: addressOf(anchor, sample.id), "aria-label": `link to sample ${sample.id}` }, "link"),
  );
  return make(
    "article.sample", { "data-sample": sample.id, tabindex: "-1" },
    head,
    make("h5", {}, "Question"), inPieces(sample.question),
    make("h5", {}, "Right answer"), inPieces(sample.target),
    make("h5", {}, "Answer"),
    wordsOf(sample.answer) ? inPieces(sample.answer) : make("p.quiet", {}, "no text"),
    legend(sample.answer),
    surroundings(sample),
    make("p.quiet", {}, brief(sample)),
    make("details", { open: cell.samples.length <= FEW }, make("summary", {}, "How it came to be"), make("dl", {}, ...provenance(sample, cell))),
  );
}

/** What an answer took, in one line. */
function brief({ tokens, cost, seconds }) {
  const parts = [
    tokens.prompt_tokens === undefined ? "" : `${written(tokens.prompt_tokens)} prompt tokens`,
    tokens.output_tokens === undefined ? "" : `${written(tokens.output_tokens)} output tokens`,
    typeof cost === "number" ? `${written(cost)} US dollars` : "",
    typeof seconds === "number" ? `${written(seconds)} s` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** List how an answer was read, what it cost, where it is recorded, and how its prompt is made again. */
function provenance(sample, cell) {
  const read = sample.read || {};
  const claimed = read.claimed || read.given || read.chosen || read.compared;
  const values = Object.entries(sample.values).map(([name, value]) => `${name} ${score(value)}`);
  const tokens = Object.entries(sample.tokens).map(([name, count]) => `${written(count)} ${spelt(name)}`);
  return [
    ...fact("Read as", claimed ? [].concat(claimed).join(", ") : "", claimed && read.how ? ` (stood: ${read.how})` : ""),
    ...fact("Scorer's remark", sample.why !== sample.outcome ? sample.why : ""),
    ...fact("The provider's words", sample.detail),
    ...fact("Scores", values.join(", ")),
    ...fact("Tokens", tokens.join(", ")),
    ...fact("Cost", typeof sample.cost === "number" ? `${written(sample.cost)} US dollars` : ""),
    ...fact("Time", typeof sample.seconds === "number" ? `${written(sample.seconds)} s` : "",
      sample.attempts > 1 ? `, sent ${sample.attempts} times` : "", sample.replayed ? ", from the ledger" : ""),
    ...fact("Notes", sample.notes.join("; ")),
    ...fact("Recipe", sample.recipe ? copyable(sample.recipe) : ""),
    ...fact("Ledger key", sample.key ? copyable(sample.key) : "", sample.key && cell.ledger && cell.ledger !== "none" ? ` in ${cell.ledger}` : ""),
    ...fact("Log", cell.file ? `line ${written(sample.line)} of ` : "",
      cell.link ? make("a", { href: cell.link }, cell.file) : cell.file),
    ...fact("Rebuild the whole prompt", cell.show ? copyable(`${cell.show} ${sample.id}`) : ""),
  ];
}

/** Make room for what lies around a sample's needle, and fill it once its block is unpacked; nothing if there is none. */
function surroundings({ around }) {
  if (around === undefined) return "";
  const place = make("div", {}, "…");
  openBlock(document.querySelector(`script[data-around="${Number(around)}"]`)).then(
    (found) => place.replaceChildren(...found.map(aroundView)),
    (error) => place.replaceChildren(make("p.note", {}, String(error.message || error))),
  );
  return place;
}

/** Show a needle in its surroundings: a text, a picture, or seconds of sound. */
function aroundView(found) {
  if (found.kind === "note") return make("p.note", {}, found.caption);
  const told = make("figcaption", {}, found.needle ? `The needle: ${found.caption}` : `Beside the needle: ${found.caption}`);
  if (found.kind === "text") {
    const text = boxed("… ", found.before, make("mark.needle", {}, found.text), found.after, " …");
    return make("figure.around", {}, told, text);
  }
  const source = `data:${found.mime};base64,${found.data}`;
  const alt = found.text ? `${found.caption}: ${found.text}` : found.caption;
  const medium = found.kind === "image"
    ? make("img", { src: source, alt })
    : make("audio", { src: source, controls: true, preload: "metadata", "aria-label": alt });
  const [from, to] = (found.seconds || []).map((one) => one.toFixed(1));
  const within = found.kind === "audio" ? `; here it is from ${from} to ${to} s` : "";
  told.append(within);
  return make("figure.around", {}, told, medium, found.text ? make("p.quiet", {}, found.text) : "");
}
