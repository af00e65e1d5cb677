// The queue by expected length over the last five minutes, as stacked areas.

import { asTable, byId, html, row, say, set, svg } from "./dom.js";
import { classNames, count } from "./format.js";
import { History } from "./history.js";
import { area, linear, nice } from "./scale.js";

const KEEP_S = 300;
const [HEIGHT, LEFT, TOP, BOTTOM] = [236, 34, 8, 20];

export class Queue {
  #history = new History(KEEP_S);
  #names;
  #areas;
  #numbers;
  #labels = ["", "", ""].map(() => svg("text", { x: LEFT - 6, "text-anchor": "end" }));
  #lines = svg("path", { class: "grid" });
  #now = svg("text", { "text-anchor": "end", y: HEIGHT - 4 }, "now");
  #empty = svg("text", { "text-anchor": "middle", y: HEIGHT / 2 - 8 });
  #chart = svg("svg", { role: "img", height: HEIGHT });
  #table = asTable("Waiting requests by expected length", ["Expected tokens", ...["Now", "A minute ago", "Most in 5 minutes"].map((text) => ({ text, number: true }))]);

  constructor({ lengths }) {
    this.#names = classNames(lengths);
    this.#areas = this.#names.map((_, at) => svg("path", { class: `class-${at}` }));
    this.#numbers = this.#names.map(() => html("b", {}, "0"));
    const legend = this.#names.map((name, at) => html("li", {}, html("i", { class: `class-${at}` }), `${name}: `, this.#numbers[at]));
    const begin = svg("text", { x: LEFT, y: HEIGHT - 4 }, "5 minutes ago");
    this.#chart.append(this.#lines, ...this.#areas, ...this.#labels, begin, this.#now, this.#empty);
    byId("queue").replaceChildren(html("ul", { class: "legend", "aria-label": "Waiting now, by expected output tokens" }, ...legend), html("figure", {}, this.#chart), this.#table.details);
  }

  add(state) {
    this.#history.push(state.time, state.queue);
  }

  show(state) {
    state.queue.forEach((waiting, at) => say(this.#numbers[at], count(waiting)));
    const width = this.#chart.parentNode.clientWidth;
    const entries = this.#history.entries;
    const most = Math.max(0, ...entries.map((entry) => sum(entry.value)));
    const top = nice(Math.max(most, 4));
    const x = linear([state.time - KEEP_S, state.time], [LEFT, width]);
    const y = linear([0, top], [HEIGHT - BOTTOM, TOP]);
    set(this.#chart, { viewBox: `0 0 ${width} ${HEIGHT}`, "aria-label": `${state.waiting} requests wait; at most ${most} in the last five minutes` });
    const ticks = [0, top / 2, top];
    set(this.#lines, { d: ticks.map((tick) => `M${LEFT} ${y(tick)}H${width}`).join("") });
    ticks.forEach((tick, at) => {
      set(this.#labels[at], { y: y(tick) + 4 });
      say(this.#labels[at], count(tick));
    });
    this.#areas.forEach((path, at) => set(path, { d: stacked(entries, at, x, y) }));
    set(this.#now, { x: width });
    set(this.#empty, { x: (width + LEFT) / 2 });
    say(this.#empty, most ? "" : "Nothing has waited: a slot was free for each request.");
    if (this.#table.open()) this.#rows(entries, state);
  }

  #rows(entries, state) {
    const before = entries.findLast((entry) => entry.time <= state.time - 59)?.value;
    this.#table.body.replaceChildren(
      ...this.#names.map((name, at) => {
        const most = Math.max(...entries.map((entry) => entry.value[at]));
        return row(name, count(state.queue[at]), count(before?.[at]), count(most));
      }),
    );
  }
}

const sum = (values) => values.reduce((all, one) => all + one, 0);

function stacked(entries, at, x, y) {
  if (!entries.some((entry) => entry.value[at])) return "";
  const edge = (classes) => entries.map((entry) => [x(entry.time), y(sum(entry.value.slice(0, classes)))]);
  return area(edge(at + 1), edge(at));
}
