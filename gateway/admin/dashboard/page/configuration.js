// The settings in force and where each comes from. The gateway has hidden the secrets.

import { byId, html, row, table } from "./dom.js";
import { clock, count } from "./format.js";

const DEFAULT = "default";
const ROWS = table("Settings in force", ["Setting", "Value", "From"], { tall: true });
const FIELD = html("input", { type: "search", id: "find-setting", autocomplete: "off" });
const ALL = html("input", { type: "checkbox", id: "all-settings" });
const NOTE = html("p", { class: "note", role: "status" });
let settings = [];
let file = null;

for (const field of [FIELD, ALL]) field.addEventListener("input", fill);

export function showConfiguration(configuration) {
  ({ settings, file } = configuration);
  const tools = html(
    "div",
    { class: "tools" },
    html("label", { for: "find-setting" }, "Find"),
    FIELD,
    html("label", {}, ALL, " also the defaults"),
  );
  const read = `${configuration.file ?? "no file"}, ${configuration.hash}, read at ${clock(configuration.loaded)}`;
  if (!FIELD.isConnected) byId("configuration").replaceChildren(html("p", { class: "note" }, read), tools, NOTE, ROWS.box);
  byId("configuration").firstChild.textContent = read;
  fill();
}

/** A place in the file without the file's folder. */
const place = (from) => (file && from.startsWith(file) ? from.slice(file.lastIndexOf("/") + 1) : from);

function fill() {
  const wanted = FIELD.value.trim().toLowerCase();
  const given = settings.filter((one) => ALL.checked || wanted || one.from !== DEFAULT);
  const found = given.filter((one) => `${one.setting} ${JSON.stringify(one.value)}`.toLowerCase().includes(wanted));
  NOTE.textContent = found.length ? `${count(found.length)} of ${count(settings.length)} settings` : wanted ? "No setting is like that." : "Every setting has its default.";
  ROWS.box.hidden = !found.length;
  ROWS.body.replaceChildren(
    ...found.map((one) => row(html("code", {}, one.setting), html("td", {}, html("code", {}, JSON.stringify(one.value))), html("td", {}, place(one.from)))),
  );
}
