// Numbers and times for people.

/** 1234 -> "1,234"; null -> "–". */
export const count = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en"));

/** Tokens, short: 12,345 -> "12.3k". */
export function tokens(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1e6) return `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)}M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)}k` : count(value);
}

/** Seconds with their unit: 0.0123 -> "12 ms", 75 -> "1 min 15 s". */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${value * 1000 < 10 ? (value * 1000).toFixed(1) : Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return long(value);
}

/** Seconds of a long time: 4000 -> "1 h 6 min". */
export function long(value) {
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`);

/** The names of the classes of lengths, from their upper bounds. */
export function classNames(bounds) {
  const names = bounds.map((bound, at) => (at === 0 ? `up to ${count(bound)}` : `${count(bounds[at - 1] + 1)}–${count(bound)}`));
  return [...names, `over ${count(bounds[bounds.length - 1])}`];
}

/** Hours, minutes and seconds of a moment in seconds of the epoch. */
export const clock = (moment) => new Date(moment * 1000).toLocaleTimeString("en-GB");
