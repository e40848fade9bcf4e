// The samples: one block of gzip in base64 for each cell, unpacked when it is asked for.

/** Return the blocks of all cells, in the order of the page. */
const blocks = () => all("script[data-cell]");

/** Return the block of a cell; null if there is none. */
const blockOf = (cell) => document.querySelector(`script[data-cell="${CSS.escape(cell)}"]`);

/** Unpack a block to its text: JSON, not yet read. */
async function unpack(block) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser cannot unpack the samples; any of 2023 or later can");
  }
  const bytes = Uint8Array.from(atob(block.textContent), (one) => one.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).text();
}

/** Return everything about a cell: what is told of it, and its samples. */
const openBlock = async (block) => JSON.parse(await unpack(block));
