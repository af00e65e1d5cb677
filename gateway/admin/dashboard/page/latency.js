// Latencies of the last answers by the length that they came to.

import { byId, html, row, say, svg, table } from "./dom.js";
import { classNames, count, seconds } from "./format.js";
import { logarithmic } from "./scale.js";

const WIDTH = 120;

export class Latency {
  #names;
  #note = html("p", { class: "note" });
  #table = table("Latency by length of the answer", [
    "Tokens",
    { text: "Answers", number: true },
    { text: "Wait", number: true },
    { text: "First token", number: true },
    { text: "Whole answer", number: true },
    "",
    { text: "Per token", number: true },
  ]);
  #shown = "";

  constructor({ lengths }) {
    this.#names = classNames(lengths);
    byId("latency").replaceChildren(this.#note, this.#table.box);
  }

  show({ latency }) {
    const text = JSON.stringify(latency);
    if (text === this.#shown) return;
    this.#shown = text;
    const all = latency.reduce((sum, one) => sum + one.answers, 0);
    const times = latency.flatMap((one) => one.e2e ?? []);
    say(this.#note, all ? `The last ${count(all)} answers: median, and below it the 95th percentile.` : "No answer has ended yet.");
    const x = logarithmic([Math.min(...times, 1) / 1.2, Math.max(...times, 0.1) * 1.2], [4, WIDTH - 4]);
    this.#table.body.replaceChildren(...this.#names.map((name, at) => this.#row(name, latency[at], x)));
  }

  #row(name, one, x) {
    const range = html("td", { class: "range" }, one.e2e ? bar(one.e2e, x) : "");
    return row(name, count(one.answers), pair(one.wait), pair(one.ttft), pair(one.e2e), range, seconds(one.per_token));
  }
}

/** Median, and below it the 95th percentile. */
const pair = (values) => html("td", { class: "number" }, seconds(values?.[0]), values ? html("small", {}, seconds(values[1])) : "");

function bar([middle, high], x) {
  const y = 10;
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} 20`, "aria-hidden": "true", preserveAspectRatio: "xMinYMid" },
    svg("line", { x1: x(middle), x2: x(high), y1: y, y2: y }),
    svg("circle", { cx: x(middle), cy: y, r: 4.5 }),
  );
}
