// The events of the gateway, read by fetch: it can send the token, and no cookie is needed.

const AGAIN_MS = [1000, 2000, 4000, 8000];
const SILENT_MS = 15000;
const KEY = "lengthwise.token";

/** Reads events until told to stop; tries again after a break.
 *  `on` has: event(name, fields), state("live" | "lost" | "waits"), token(fault). */
export function follow(url, on) {
  let tries = 0;
  let stop = new AbortController();

  async function run() {
    const status = await read();
    if (status === 401) return on.token(sessionStorage.getItem(KEY) ? "The token is not right." : "");
    on.state("lost");
    setTimeout(run, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]);
  }

  async function read() {
    stop = new AbortController();
    const token = sessionStorage.getItem(KEY);
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    try {
      const response = await fetch(url, { headers, signal: stop.signal, cache: "no-store" });
      if (!response.ok) return response.status;
      on.state("live");
      tries = 0;
      await events(response.body.pipeThrough(new TextDecoderStream()).getReader(), stop, on.event);
    } catch (error) {
      if (!(error instanceof TypeError || error.name === "AbortError")) console.error(error);
    }
    return 0;
  }

  run();
  return {
    /** Tries a token. */
    withToken(token) {
      sessionStorage.setItem(KEY, token);
      run();
    },
    /** Begins anew. */
    again: () => stop.abort(),
  };
}

/** Passes each event on; a connection that says nothing for long is given up. */
async function events(reader, stop, take) {
  let rest = "";
  for (;;) {
    const watch = setTimeout(() => stop.abort(), SILENT_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(watch));
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const [, name, text] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
      if (name) take(name, JSON.parse(text));
    }
  }
}
