// The KV cache of one worker: its past minute, and its forecast for the coming one.

import { set, svg } from "./dom.js";
import { percent, tokens } from "./format.js";
import { History } from "./history.js";
import { area, line, linear } from "./scale.js";

const SPAN_S = 60;
const [WIDTH, HEIGHT, TOP, BOTTOM] = [260, 104, 6, 17];
const NOW = WIDTH / 2;
const FLOOR = HEIGHT - BOTTOM;

export class KvChart {
  #history = new History(SPAN_S);
  #steps;
  #past = svg("path", { class: "kv-past" });
  #margin = svg("path", { class: "kv-margin" });
  #ahead = svg("path", { class: "kv-ahead" });
  #limit = svg("path", { class: "kv-limit" });
  #peak = svg("circle", { class: "kv-peak", r: 3.5 });

  constructor(steps) {
    this.#steps = steps;
    const text = (x, anchor, words) => svg("text", { x, y: HEIGHT - 3, "text-anchor": anchor }, words);
    this.element = svg(
      "svg",
      { role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
      svg("path", { class: "grid", d: `M0 ${FLOOR}H${WIDTH}M${NOW} ${TOP - 4}V${FLOOR}` }),
      ...[this.#past, this.#margin, this.#ahead, this.#limit, this.#peak],
      ...[text(0, "start", "−60 s"), text(NOW, "middle", "now"), text(WIDTH, "end", "+60 s")],
    );
  }

  add(time, used) {
    this.#history.push(time, used ?? 0);
  }

  show(worker, peak, time) {
    const entries = this.#history.entries;
    const capacity = worker.kv_capacity;
    const top = Math.max(capacity ?? 0, peak, ...entries.map((entry) => entry.value), 1);
    const y = linear([0, top], [FLOOR, TOP]);
    const past = linear([time - SPAN_S, time], [0, NOW]);
    const points = entries.map((entry) => [past(entry.time), y(entry.value)]);
    set(this.#past, { d: area(points, points.map(([x]) => [x, FLOOR])) });
    set(this.#limit, { d: capacity ? `M0 ${y(capacity)}H${WIDTH}` : "" });
    this.#future(worker, y, peak);
    const parts = capacity ? [percent((worker.kv_used ?? 0) / capacity), percent(peak / capacity)] : [tokens(worker.kv_used), tokens(peak)];
    set(this.element, { "aria-label": `KV cache: ${parts[0]} held now, ${parts[1]} expected at the peak` });
  }

  #future(worker, y, peak) {
    const shown = Boolean(worker.pace && peak > 0);
    const draw = (values) => (shown ? this.#curve(values, worker.pace).map(([s, value]) => [this.#x(s), y(value)]) : []);
    const [mean, upper] = [draw(worker.kv_mean), draw(worker.kv_upper)];
    set(this.#ahead, { d: line(mean) });
    set(this.#margin, { d: area(upper, mean) });
    const at = shown ? this.#steps[worker.kv_upper.indexOf(peak)] / worker.pace : 0;
    set(this.#peak, { cx: this.#x(Math.min(at, SPAN_S)), cy: y(peak), visibility: shown ? "visible" : "hidden" });
  }

  #x(seconds) {
    return NOW + (seconds / SPAN_S) * (WIDTH - NOW);
  }

  /** [seconds, tokens] up to the end of the chart; a step is a token of each answer. */
  #curve(values, pace) {
    const points = [];
    for (const [at, value] of values.entries()) {
      const seconds = this.#steps[at] / pace;
      if (seconds <= SPAN_S) {
        points.push([seconds, value]);
        continue;
      }
      const [before, last] = points.at(-1);
      points.push([SPAN_S, last + ((value - last) * (SPAN_S - before)) / (seconds - before)]);
      return points;
    }
    return [...points, [SPAN_S, values.at(-1)]];
  }
}
