// What the order saves against arrival order and against vLLM alone, as the gateway's shadow measures it.

import { byId, html, row, say, table } from "./dom.js";
import { classNames, count, long, percent, seconds } from "./format.js";

const WHY = {
  starting: "The shadow, which measures this, begins after the first hundred answers.",
  few_requests: "Too few requests have ended lately to tell.",
  unlike_workers: "Workers of one model serve different others, or have left: the shadow cannot tell.",
  behind: "The shadow has lost records: it begins anew.",
  stale: "The shadow is late.",
  down: "The shadow does not run; it is started again.",
};
const AGAINST = [["fcfs", "arrival order"], ["stock", "vLLM alone"]];
const MEASURES = [["mean_e2e", "whole answer"], ["p99_e2e", "its p99"], ["mean_ttft", "first token"]];

export class Saved {
  #rows;
  #note = html("p", { class: "note" });
  #table = table("Seconds that a request saves", [
    "Tokens",
    ...AGAINST.flatMap(([, other]) => MEASURES.map(([, name]) => ({ text: `${name}, against ${other}`, number: true }))),
  ]);
  #shown = "";

  constructor({ lengths }) {
    const keys = [...lengths.map(String), "longer"];
    this.#rows = [["all", "all lengths"], ...keys.map((key, at) => [key, classNames(lengths)[at]])];
    byId("saved").replaceChildren(this.#note, this.#table.box);
  }

  show({ saved }) {
    byId("saved-section").hidden = saved.state === "off";
    const text = JSON.stringify(saved);
    if (text === this.#shown) return;
    this.#shown = text;
    const ok = saved.state === "ok";
    say(this.#note, ok ? headline(saved) : why(saved));
    this.#table.box.hidden = !ok;
    if (ok) this.#table.body.replaceChildren(...this.#rows.map(([key, name]) => this.#row(key, name, saved.against)));
  }

  #row(key, name, against) {
    return row(name, ...AGAINST.flatMap(([arm]) => MEASURES.map(([measure]) => cell(against[arm]?.[key]?.[measure]))));
  }
}

const FIGURES = {
  mean_per_token: "mean time per token", mean_e2e: "mean whole time", p99_e2e: "p99 of the whole time",
  mean_ttft: "mean time to the first token", p99_ttft: "p99 of the time to the first token",
};

function why(saved) {
  if (saved.state !== "model_off") return WHY[saved.state] ?? saved.state;
  const [worst] = Object.entries(saved.off).sort(([, one], [, other]) => Math.abs(other) - Math.abs(one));
  if (worst) {
    const [name, error] = worst;
    return `Nothing is told: a replay of what came does not fit it; its ${FIGURES[name] ?? name} is off by ${error < 0 ? "−" : "+"}${percent(Math.abs(error))}. Check max_num_seqs and kv_tokens of the workers.`;
  }
  return `Nothing is told: a replay of what came fits it only with engine steps ${(saved.cost_factor ?? 1).toFixed(2)} times as long as measured (cost_factor). Check max_num_seqs of the workers, and that all their requests come through this gateway.`;
}

function headline({ against, requests, window_s: window, error }) {
  const whole = against.fcfs?.all?.mean_e2e;
  const gain = whole ? `Against arrival order a request takes ${change(whole)} (${percent(Math.abs(whole.share))}) on average. ` : "";
  return `${gain}From a replay of ${count(requests)} requests of the last ${long(window)}; it is off by ${percent(Math.abs(error))} from what came. Below each figure its 90 % interval.`;
}

const change = ({ seconds: value }) => `${seconds(Math.abs(value))} ${value < 0 ? "more" : "less"}`;

function cell(saved) {
  if (!saved) return html("td", { class: "number" }, "–");
  const kind = saved.low > 0 ? "better" : saved.high < 0 ? "worse" : "";
  const sign = (value) => (value < 0 ? `−${seconds(-value)}` : seconds(value));
  return html("td", { class: `number ${kind}` }, change(saved), html("small", {}, `${sign(saved.low)} to ${sign(saved.high)}`));
}
