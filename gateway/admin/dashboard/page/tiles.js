// The figures at a glance.

import { byId, html } from "./dom.js";
import { count, percent, seconds, tokens } from "./format.js";
import { History } from "./history.js";

const OVER_S = 15;
const NAMES = ["Waiting", "Running", "Answers", "Output", "Median first token", "In the 80 % interval"];

export class Tiles {
  #answers = new History(OVER_S);
  #output = new History(OVER_S);
  #values = NAMES.map(() => html("dd", {}, "–"));

  constructor() {
    byId("tiles").replaceChildren(...NAMES.map((name, at) => html("div", {}, html("dt", {}, name), this.#values[at])));
  }

  add(state) {
    this.#answers.push(state.time, state.answers);
    this.#output.push(state.time, state.output_tokens);
  }

  show(state) {
    const answers = this.#answers.rate(OVER_S);
    const shown = [
      [count(state.waiting), state.waiting ? `${tokens(state.expected_tokens)} tokens` : ""],
      [count(Math.max(0, state.in_flight - state.waiting)), ""],
      [answers === null ? "–" : answers.toFixed(answers < 10 ? 1 : 0), "/s"],
      [tokens(this.#output.rate(OVER_S)), "tokens/s"],
      [seconds(median(state.latency)), ""],
      [percent(state.forecasts.interval_coverage), state.forecasts.answers ? "of lengths" : ""],
    ];
    shown.forEach(([value, unit], at) => this.#values[at].replaceChildren(`${value} `, html("small", {}, unit)));
  }
}

/** The classes' medians, weighted by their answers. */
function median(classes) {
  const known = classes.filter((one) => one.ttft).sort((a, b) => a.ttft[0] - b.ttft[0]);
  const all = known.reduce((sum, one) => sum + one.answers, 0);
  let seen = 0;
  return known.find((one) => (seen += one.answers) >= all / 2)?.ttft[0] ?? null;
}
