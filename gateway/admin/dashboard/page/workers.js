// A card for each worker: its state, its slots, and its KV cache.

import { byId, html, say, set, svg } from "./dom.js";
import { count, percent, tokens } from "./format.js";
import { KvChart } from "./kv_chart.js";

const KEYS = [
  ["kv-past", "KV cache held in the last minute"],
  ["kv-ahead", "expected of what runs now"],
  ["kv-margin", "margin of admission"],
  ["kv-peak", "expected peak"],
  ["kv-limit", "size of the cache"],
];

export class Workers {
  #cards = new Map();
  #steps;

  constructor({ steps }) {
    this.#steps = steps;
    byId("workers-key").replaceChildren(...KEYS.map(([name, text]) => html("li", {}, symbol(name), text)));
  }

  add(state) {
    const known = new Set(state.workers.map((worker) => worker.url));
    for (const [url, card] of this.#cards) {
      if (!known.has(url)) {
        card.element.remove();
        this.#cards.delete(url);
      }
    }
    for (const worker of state.workers) this.#card(worker.url).chart.add(state.time, worker.kv_used);
  }

  show(state) {
    byId("workers-key").hidden = !state.workers.length;
    say(byId("workers-note"), state.workers.length ? "" : "No worker is known yet.");
    for (const worker of state.workers) this.#card(worker.url).show(worker, state.time);
  }

  #card(url) {
    if (!this.#cards.has(url)) {
      const card = new Card(url, this.#steps);
      this.#cards.set(url, card);
      byId("workers").append(card.element);
    }
    return this.#cards.get(url);
  }
}

class Card {
  #state = html("span", { class: "state" });
  #about = html("p");
  #slots = html("b");
  #of = html("span");
  #bar = html("span");
  #kv = html("b");
  #peak = html("span");

  constructor(url, steps) {
    this.chart = new KvChart(steps);
    const name = url.replace(/^https?:\/\//, "");
    this.element = html(
      "article",
      { class: "worker", "aria-label": `Worker ${name}` },
      html("h3", {}, html("span", { title: url }, name), this.#state),
      this.#about,
      html("div", { class: "pair" }, html("span", {}, "Slots ", this.#slots), this.#of),
      html("div", { class: "bar", "aria-hidden": "true" }, this.#bar),
      html("div", { class: "pair" }, html("span", {}, "KV cache ", this.#kv), this.#peak),
      this.chart.element,
    );
  }

  show(worker, time) {
    set(this.element, { "data-state": worker.state });
    say(this.#state, worker.state);
    set(this.#about, { class: worker.problem ? "problem" : "models" });
    say(this.#about, worker.problem ?? (worker.models.join(", ") || "no model yet"));
    const share = worker.slots ? worker.sequences / worker.slots : 0;
    say(this.#slots, worker.slots ? `${worker.sequences} of ${worker.slots}` : count(worker.sequences));
    say(this.#of, notes(worker));
    this.#bar.style.width = `${Math.min(100, 100 * share)}%`;
    const { kv_capacity: capacity, kv_used: used } = worker;
    const peak = Math.max(0, ...(worker.kv_upper ?? [0]));
    say(this.#kv, capacity ? percent(used / capacity) : `${tokens(used)} tokens`);
    say(this.#peak, capacity ? `peak ${percent(peak / capacity)} of ${tokens(capacity)}` : `peak ${tokens(peak)}`);
    this.chart.show(worker, peak, time);
  }
}

const SHAPES = { "kv-past": ["rect", { x: 1, y: 2, width: 20, height: 9 }], "kv-margin": ["rect", { x: 1, y: 2, width: 20, height: 9 }] };

function symbol(name) {
  const line = ["path", { d: "M0 6.5H22" }];
  const [tag, attributes] = name === "kv-peak" ? ["circle", { cx: 11, cy: 6.5, r: 3.5 }] : (SHAPES[name] ?? line);
  return svg("svg", { viewBox: "0 0 22 13", "aria-hidden": "true" }, svg(tag, { class: name, ...attributes }));
}

function notes(worker) {
  const found = [];
  if (worker.engine_waiting) found.push(`${count(worker.engine_waiting)} wait in the engine`);
  if (worker.preemptions) found.push(`${count(worker.preemptions)} preempted`);
  return found.join(", ");
}
