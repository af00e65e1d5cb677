// Elements. Text from outside becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An HTML element with attributes and children: elements, or text. */
export function html(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Writes a text only where it has changed: a screen reader reads each change. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets attributes only where they have changed. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

/** A table in a box that scrolls, with its name for screen readers. */
export function table(name, heads, { tall = false } = {}) {
  const body = html("tbody");
  const head = html("tr", {}, ...heads.map((one) => html("th", { scope: "col", class: one.number ? "number" : null }, one.text ?? one)));
  const whole = html("table", {}, html("caption", { class: "hidden" }, name), html("thead", {}, head), body);
  const box = html("div", { class: tall ? "scroll tall" : "scroll", tabindex: "0", role: "group", "aria-label": name }, whole);
  return { box, body };
}

/** A row whose first cell is its head. */
export function row(first, ...cells) {
  const others = cells.map((cell) => (cell instanceof Node ? cell : html("td", { class: "number" }, cell)));
  return html("tr", {}, html("th", { scope: "row" }, first), ...others);
}

/** What a chart shows, as a table that opens below it. */
export function asTable(name, heads) {
  const { box, body } = table(name, heads, { tall: true });
  const details = html("details", {}, html("summary", {}, "As a table"), box);
  return { details, body, open: () => details.open };
}
