// Forecast against what came, for the last answers: the median as a dot, the 80 % interval as a stroke.

import { asTable, byId, html, row, say, set, svg } from "./dom.js";
import { count, percent } from "./format.js";
import { dots, logarithmic, strokes } from "./scale.js";

const MOST = 400;
const MOST_ROWS = 50;
const TICKS = [1, 10, 100, 1000, 10000];
const RANGE = [1, 16384];
const [HEIGHT, LEFT, TOP, BOTTOM] = [300, 44, 8, 34];

export class Forecasts {
  #points = [];
  #note = html("p", { class: "note" });
  #paths = Object.fromEntries(["interval", "interval out", "dots", "dots out"].map((name) => [name, svg("path", { class: name })]));
  #axes = svg("path", { class: "grid" });
  #diagonal = svg("path", { class: "diagonal" });
  #across = TICKS.map((tick) => svg("text", { "text-anchor": "middle", y: HEIGHT - BOTTOM + 15 }, count(tick)));
  #upwards = TICKS.map((tick) => svg("text", { "text-anchor": "end", x: LEFT - 6 }, count(tick)));
  #name = svg("text", { "text-anchor": "end", y: HEIGHT - 4 }, "tokens that came");
  #chart = svg("svg", { role: "img", height: HEIGHT });
  #table = asTable("Forecasts of the last answers", ["Tokens that came", ...["Forecast", "80 % from", "to"].map((text) => ({ text, number: true }))]);

  constructor() {
    const side = svg("text", { x: LEFT + 6, y: TOP + 10 }, "forecast");
    this.#chart.append(this.#axes, this.#diagonal, ...Object.values(this.#paths), ...this.#across, ...this.#upwards, this.#name, side);
    const legend = [
      html("li", {}, html("i", { class: "class-2" }), "inside its 80 % interval"),
      html("li", {}, html("i", { class: "outside" }), "outside"),
      html("li", {}, "dashed: forecast = what came"),
    ];
    byId("forecasts").replaceChildren(this.#note, html("ul", { class: "legend" }, ...legend), html("figure", {}, this.#chart), this.#table.details);
  }

  begin({ ended }) {
    this.#points = ended;
  }

  add({ ended }) {
    this.#points = [...this.#points, ...ended].slice(-MOST);
  }

  show({ forecasts }) {
    const inside = this.#points.filter(isInside);
    say(this.#note, this.#points.length ? summary(this.#points.length, inside.length, forecasts) : "No answer with a forecast has ended yet.");
    this.#draw(inside, this.#points.filter((point) => !isInside(point)));
    if (this.#table.open()) {
      const last = this.#points.slice(-MOST_ROWS).reverse();
      this.#table.body.replaceChildren(...last.map(([came, low, middle, high]) => row(count(came), count(middle), count(low), count(high))));
    }
  }

  #draw(inside, outside) {
    const width = this.#chart.parentNode.clientWidth;
    const x = logarithmic(RANGE, [LEFT, width - 4]);
    const y = logarithmic(RANGE, [HEIGHT - BOTTOM, TOP]);
    const label = `Forecast against what came: ${inside.length} of ${inside.length + outside.length} inside their 80 % interval`;
    set(this.#chart, { viewBox: `0 0 ${width} ${HEIGHT}`, "aria-label": label });
    set(this.#axes, { d: TICKS.map((tick) => `M${LEFT} ${y(tick)}H${width}M${x(tick)} ${TOP}V${HEIGHT - BOTTOM}`).join("") });
    set(this.#diagonal, { d: `M${x(1)} ${y(1)}L${x(RANGE[1])} ${y(RANGE[1])}` });
    TICKS.forEach((tick, at) => {
      set(this.#across[at], { x: x(tick) });
      set(this.#upwards[at], { y: y(tick) + 4 });
    });
    set(this.#name, { x: width });
    for (const [points, end] of [[inside, ""], [outside, " out"]]) {
      set(this.#paths[`interval${end}`], { d: strokes(points.map(([came, low, , high]) => [x(came), y(low), y(high)])) });
      set(this.#paths[`dots${end}`], { d: dots(points.map(([came, , middle]) => [x(came), y(middle)]), 2.4) });
    }
  }
}

const isInside = ([came, low, , high]) => low <= came && came <= high;

function summary(all, inside, forecasts) {
  const error = forecasts.mean_absolute_error_tokens;
  const since = forecasts.answers ? ` Since the start: ${percent(forecasts.interval_coverage)} of ${count(forecasts.answers)}; the median is off by ${count(error)} tokens on average.` : "";
  return `${percent(inside / all)} of the last ${count(all)} lengths lie in their 80 % interval.${since}`;
}
