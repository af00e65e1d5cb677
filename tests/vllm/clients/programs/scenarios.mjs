// As scenarios.py: run each scenario at each URL and print the results as JSON.
import { createRequire } from "node:module";
import { join } from "node:path";

export const MODEL = "tiny";
export const TOO_LONG = "word ".repeat(6000);
export const WEATHER = {
  type: "object",
  properties: {
    city: { type: "string", enum: ["Kraków", "Oslo"] },
    degrees: { type: "integer", minimum: 0, maximum: 9 },
  },
  required: ["city", "degrees"],
  additionalProperties: false,
};

/** The packages of prepare.py, whose folder is in the environment. */
export const packages = createRequire(join(process.env.CLIENTS_HOME, "package.json"));

/** Every item of a stream. */
export async function all(stream) {
  const items = [];
  for await (const item of await stream) items.push(item);
  return items;
}

/** Status, headers and lines of an answer, as they came over the wire. */
export async function wire(response) {
  const headers = [...response.headers].sort();
  return { status: response.status, headers, lines: (await response.text()).split("\n") };
}

/** What a program that catches an error can know of it. */
export function errorOf(error) {
  const { status = null, message, error: body = null } = error;
  return { error: error.constructor.name, status, message, body };
}

/** Run the scenarios at the URLs of the command line. */
export async function main(scenarios) {
  const results = {};
  for (const [name, scenario] of Object.entries(scenarios)) {
    results[name] = [];
    for (const url of process.argv.slice(2)) {
      try {
        results[name].push((await scenario(url)) ?? null);
      } catch (error) {
        results[name].push(errorOf(error));
      }
    }
  }
  process.stdout.write(JSON.stringify(results));
}
