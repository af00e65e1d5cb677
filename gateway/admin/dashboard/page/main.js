// Connects the events with the panels.

import { showConfiguration } from "./configuration.js";
import { byId, say, set } from "./dom.js";
import { showErrors } from "./errors.js";
import { Forecasts } from "./forecasts.js";
import { long } from "./format.js";
import { showHealth } from "./health.js";
import { Latency } from "./latency.js";
import { Queue } from "./queue.js";
import { Saved } from "./saved.js";
import { follow } from "./stream.js";
import { Tiles } from "./tiles.js";
import { Workers } from "./workers.js";

let panels = null;
let begun = null;
let latest = null;
let paused = false;

function begin(fields) {
  begun = fields;
  panels ??= [new Tiles(), new Queue(fields), new Latency(fields), new Saved(fields), new Workers(fields), new Forecasts()];
  panels.forEach((panel) => panel.begin?.(fields));
  showErrors(fields.errors);
  showConfiguration(fields.configuration);
  byId("token").hidden = true;
  byId("panels").hidden = false;
}

function take(state) {
  if (state.configuration !== begun.configuration.hash) return events.again();
  latest = state;
  panels.forEach((panel) => panel.add?.(state));
  if (state.errors) begun.errors = state.errors;
  if (!paused) show();
}

function show() {
  const { policy } = begun.configuration;
  say(byId("about"), `version ${begun.version} · policy ${policy} · up for ${long(latest.uptime_s)}`);
  showHealth(latest.health);
  panels.forEach((panel) => panel.show(latest));
  if (begun.errors) showErrors(begun.errors);
  begun.errors = null;
}

const LINK = { live: "live", lost: "no contact: trying again", waits: "waiting for the token" };

function link(state) {
  set(byId("link"), { "data-state": state });
  say(byId("link"), LINK[state]);
}

const events = follow("admin/events", {
  event: (name, fields) => (name === "begin" ? begin : take)(fields),
  state: link,
  token(fault) {
    link("waits");
    byId("panels").hidden = true;
    byId("token").hidden = false;
    say(byId("token-fault"), fault);
    byId("token-field").focus();
  },
});

byId("token").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  events.withToken(byId("token-field").value.trim());
});

byId("pause").addEventListener("click", () => {
  paused = !paused;
  set(byId("pause"), { "aria-pressed": paused });
  say(byId("pause"), paused ? "Go on" : "Pause");
  if (!paused && latest) show();
});
