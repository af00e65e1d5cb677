// Scales and paths of the charts.

/** A linear scale from values to pixels. */
export function linear([from, to], [begin, end]) {
  const step = to === from ? 0 : (end - begin) / (to - from);
  return (value) => begin + (value - from) * step;
}

/** A logarithmic scale; values below the first are drawn at it. */
export function logarithmic([from, to], pixels) {
  const scale = linear([Math.log(from), Math.log(to)], pixels);
  return (value) => scale(Math.log(Math.min(to, Math.max(from, value))));
}

/** The next 2, 4 or 10 times a power of ten that is not below a value: its half is whole. */
export function nice(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 10].map((one) => one * power).find((one) => one >= value) ?? 10 * power;
}

const at = (value) => Math.round(value * 10) / 10;

/** A line through points. */
export const line = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${at(x)} ${at(y)}`).join("");

/** The area between an upper and a lower line of points. */
export const area = (upper, lower) => (upper.length ? `${line(upper)}${line([...lower].reverse()).replace("M", "L")}Z` : "");

/** Dots of a radius, all as one path. */
export const dots = (points, radius) =>
  points.map(([x, y]) => `M${at(x - radius)} ${at(y)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`).join("");

/** Vertical strokes [x, from, to], all as one path. */
export const strokes = (lines) => lines.map(([x, from, to]) => `M${at(x)} ${at(from)}V${at(to)}`).join("");
