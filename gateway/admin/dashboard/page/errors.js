// The last errors, each kind once, with its reason.

import { byId, html } from "./dom.js";
import { clock, count } from "./format.js";

export function showErrors(errors) {
  const items = errors.map(item);
  const list = html("div", { class: "scroll tall", tabindex: "0", role: "group", "aria-label": "Last errors" }, html("ol", {}, ...items));
  byId("errors").replaceChildren(items.length ? list : html("p", { class: "note" }, "No request has failed since the start."));
}

function item(error) {
  const times = error.times > 1 ? ` × ${count(error.times)}` : "";
  const facts = [error.model !== "none" && error.model, error.worker, error.request_id && `request ${error.request_id}`];
  return html(
    "li",
    {},
    html("div", {}, html("span", { class: "outcome" }, `${error.outcome}${times}`), html("time", {}, clock(error.last))),
    error.reason ? html("p", {}, error.reason) : null,
    html("small", {}, facts.filter(Boolean).join(" · ")),
  );
}
