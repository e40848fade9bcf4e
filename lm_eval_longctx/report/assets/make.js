"use strict";

// Building blocks. Everything that a model or a file says passes through `make` as a text node,
// never as markup, so that no answer can become part of the page.

/** Return the element with an id. */
const byId = (id) => document.getElementById(id);

/** Return all elements that match, as an array. */
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/**
 * Make an element.
 * @param {string} name - Its tag, with classes: "p.quiet".
 * @param {Object} attributes - Attributes; functions are listeners ({click: f}).
 * @param {...(Node|string)} content - Strings become text; empty ones are left out.
 */
function make(name, attributes = {}, ...content) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...content.filter((one) => one !== "" && one !== null && one !== undefined));
  return element;
}

/** Write an outcome's name for people. */
const spelt = (name) => name.replaceAll("_", " ");

/** Write a number as readers of this page write it. */
const written = (value) => value.toLocaleString("en", { maximumFractionDigits: 4 });

/** Write a score: two decimals; what is almost 0 or 1 is not rounded to it. */
function score(value) {
  if (value === null || value === undefined) return "no score";
  const two = value.toFixed(2);
  return Number(two) === value || !["0.00", "1.00"].includes(two) ? two : value.toFixed(3);
}

/** Say something to people who listen, and to those who read the line under the filters. */
function announce(text) {
  byId("status").textContent = text;
}
