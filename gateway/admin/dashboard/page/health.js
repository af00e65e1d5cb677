// Is it healthy: one line, which screen readers read when it changes, and why not.

import { byId, html, say, set } from "./dom.js";

export function showHealth(health) {
  set(byId("health"), { "data-level": health.level });
  say(byId("health-line"), health.line);
  const list = byId("health-findings");
  const others = health.findings.slice(1);
  if (list.textContent !== others.join("")) list.replaceChildren(...others.map((text) => html("li", {}, text)));
}
