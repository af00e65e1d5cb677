// The last values of a series: as many as a chart shows, so that the page does not grow.

export class History {
  #most;
  #entries = [];

  /** @param most seconds that are kept. */
  constructor(most) {
    this.#most = most;
  }

  /** Adds a value of a moment in seconds; what is too old goes. */
  push(time, value) {
    const last = this.#entries.at(-1);
    if (last && time <= last.time) this.#entries.length = 0; // the clock was set back
    this.#entries.push({ time, value });
    while (this.#entries[0].time < time - this.#most) this.#entries.shift();
  }

  get entries() {
    return this.#entries;
  }

  /** What a growing count has gained a second, over the last so many seconds; null before two values. */
  rate(over) {
    const last = this.#entries.at(-1);
    const first = this.#entries.find((entry) => last && entry.time >= last.time - over);
    if (!last || first === last || last.value < first.value) return null;
    return (last.value - first.value) / (last.time - first.time);
  }
}
