// The @anthropic-ai/sdk package for Node.
import { MODEL, TOO_LONG, WEATHER, all, main, packages, wire } from "./scenarios.mjs";

const { Anthropic } = packages("@anthropic-ai/sdk");

const MESSAGES = [{ role: "user", content: "What is the weather like in Kraków?" }];
const ASK = { model: MODEL, messages: MESSAGES, max_tokens: 12, temperature: 0 };
const TOOL = { name: "weather", input_schema: WEATHER };

const sdk = (url) => new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });

await main({
  message: (url) => sdk(url).messages.create({ ...ASK, system: "Answer in one sentence." }),
  stream: (url) => all(sdk(url).messages.create({ ...ASK, stream: true })),
  stream_helper: (url) => sdk(url).messages.stream(ASK).finalMessage(),
  stream_wire: async (url) =>
    wire(await sdk(url).messages.create({ ...ASK, stream: true }).asResponse()),
  forced_tool: (url) =>
    sdk(url).messages.create({
      ...ASK,
      max_tokens: 60,
      tools: [TOOL],
      tool_choice: { type: "tool", name: "weather" },
    }),
  count_tokens: (url) => sdk(url).messages.countTokens({ model: MODEL, messages: MESSAGES }),
  refused_parameter: (url) => sdk(url).messages.create({ ...ASK, temperature: -1 }),
  refused_length: (url) =>
    sdk(url).messages.create({ ...ASK, messages: [{ role: "user", content: TOO_LONG }] }),
  refused_model: (url) => sdk(url).messages.create({ ...ASK, model: "absent" }),
});
