// The openai package for Node.
import { MODEL, TOO_LONG, WEATHER, all, errorOf, main, packages, wire } from "./scenarios.mjs";

const { OpenAI } = packages("openai");

const ASK = {
  model: MODEL,
  messages: [{ role: "user", content: "What is the weather like in Kraków?" }],
  max_tokens: 12,
  temperature: 0,
  seed: 11,
};
const TOOL = { type: "function", function: { name: "weather", parameters: WEATHER } };
const FORCED = { type: "function", function: { name: "weather" } };
const BAD = [
  { temperature: -1 },
  { messages: [] },
  { messages: "Hello" },
  { stream: true, stream_options: "all" },
  { tools: [TOOL], tool_choice: { type: "function", function: { name: "absent" } } },
];

const sdk = (url, options = {}) =>
  new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0, ...options });

await main({
  chat: (url) => sdk(url).chat.completions.create({ ...ASK, logprobs: true, top_logprobs: 2 }),
  chat_with_choices: (url) => sdk(url).chat.completions.create({ ...ASK, n: 2, temperature: 0.8 }),
  chat_stream: (url) => all(sdk(url).chat.completions.create({ ...ASK, stream: true })),
  chat_stream_with_usage: (url) =>
    all(
      sdk(url).chat.completions.create({
        ...ASK,
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  chat_wire: async (url) => wire(await sdk(url).chat.completions.create(ASK).asResponse()),
  chat_stream_wire: async (url) =>
    wire(await sdk(url).chat.completions.create({ ...ASK, stream: true }).asResponse()),
  chat_json: (url) =>
    sdk(url).chat.completions.create({
      ...ASK,
      max_tokens: 60,
      response_format: { type: "json_schema", json_schema: { name: "weather", schema: WEATHER } },
    }),
  chat_tool: (url) =>
    sdk(url).chat.completions.create({
      ...ASK,
      max_tokens: 60,
      tools: [TOOL],
      tool_choice: FORCED,
    }),
  chat_stream_helper: (url) => sdk(url).chat.completions.stream(ASK).finalChatCompletion(),
  completion: (url) =>
    sdk(url).completions.create({
      model: MODEL,
      prompt: [[5, 6, 7]],
      max_tokens: 6,
      temperature: 0,
      echo: true,
      logprobs: 1,
    }),
  responses: (url) =>
    sdk(url).responses.create({ model: MODEL, input: "Hello", max_output_tokens: 8, temperature: 0 }),
  responses_stream: (url) =>
    all(
      sdk(url).responses.create({
        model: MODEL,
        input: "Hello",
        max_output_tokens: 8,
        temperature: 0,
        stream: true,
      }),
    ),
  models: async (url) => (await all(sdk(url).models.list())).map((model) => model.id),
  left_early: async (url) => {
    const stream = await sdk(url).chat.completions.create({
      ...ASK,
      max_tokens: 3500,
      ignore_eos: true,
      stream: true,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) {
        stream.controller.abort();
        return chunk;
      }
    }
  },
  refused_for_time: (url) =>
    sdk(url, { timeout: 200 }).chat.completions.create({
      ...ASK,
      max_tokens: 3500,
      ignore_eos: true,
    }),
  refused_for_parameters: async (url) => {
    const errors = [];
    for (const bad of BAD) {
      const asked = sdk(url).chat.completions.create({ ...ASK, ...bad });
      errors.push(await asked.then(() => null, errorOf));
    }
    return errors;
  },
  refused_length: (url) =>
    sdk(url).chat.completions.create({ ...ASK, messages: [{ role: "user", content: TOO_LONG }] }),
  refused_model: (url) => sdk(url).chat.completions.create({ ...ASK, model: "absent" }),
  refused_embeddings: (url) => sdk(url).embeddings.create({ model: MODEL, input: "Hello" }),
});
