// One module: how it is and why, what its score is made of, what it does.
import { at, bar, clock, count, empty, facts, h, panel, percent, pill, span, stamp, table, when, words } from "./dom.js";
import { LATENCY, QUEUE, THROUGHPUT, drawLatency, drawQueue, drawThroughput, figure } from "./charts.js";
import { failuresPanel, runningPanel, state as statePill, stuckPanel } from "./fleet.js";
import { moduleForecastPanel, patternsPanel, task as outlook } from "./outlook.js";
import { button, isUnlocked, lockedNote } from "./actions.js";
import { read } from "./api.js";

export const title = (name) => name;

export function tasks(name, show) {
  const state = {};
  const render = () => state.now && show(page(name, state), () => paint(state));
  return [
    { ask: (signal) => read("module", { module: name }, signal), seconds: 2, show: (found) => { state.now = found; render(); } },
    { ask: (signal) => read("module-trends", { module: name }, signal), seconds: 15, show: (found) => { state.trends = found; render(); } },
    outlook({ module: name }, (found) => { state.outlook = found; render(); }),
  ];
}

function paint({ now, trends }) {
  drawThroughput("module-throughput", now.throughput);
  if (trends) {
    drawLatency("module-latency", trends.latency);
    drawQueue("module-queue", trends.trend);
  }
}

function page(name, { now: found, trends, outlook: coming }) {
  const now = at(found.now[0].at);
  const module = found.modules[0];
  return h(
    "div",
    { class: "page module" },
    h(
      "section",
      { class: "headline", "aria-label": "Module", "data-key": "headline" },
      h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, name), statePill(module)),
      h("p", { class: "meta" }, `version ${module.version} · ${(module.supported_robot_types ?? []).join(", ")}`),
      h(
        "div",
        { class: "acts", "data-key": "acts" },
        isUnlocked() ? (module.is_active ? [button("deactivate", name), module.health_status === "UNHEALTHY" ? button("activate", name) : null] : button("activate", name)) : lockedNote(),
      ),
    ),
    h("div", { class: "row two", "data-key": "how" }, healthPanel(module, now), scorePanel(module, trends?.score)),
    h(
      "div",
      { class: "row three", "data-key": "charts" },
      panel("Throughput", { note: "executions per minute" }, figure("module-throughput", THROUGHPUT)),
      panel("Latency", { note: "per hour, of completed executions" }, figure("module-latency", LATENCY)),
      panel("Queue", { note: "robots waiting, by priority" }, figure("module-queue", QUEUE)),
    ),
    h(
      "div",
      { class: "row wide-left", "data-key": "work" },
      runningPanel(found.running, now, module.in_flight, false),
      h("div", { class: "column", "data-key": "side" }, stuckPanel(found.stuck, found.running, now), failuresPanel(found.failures, now)),
    ),
    h("div", { class: "row two", "data-key": "outlook" }, moduleForecastPanel(coming?.forecast, found.queue, now), patternsPanel(coming?.patterns, false)),
    h("div", { class: "row two", "data-key": "past" }, historyPanel(trends?.history, now), ratesPanel(trends?.rates)),
  );
}

function healthPanel(module, now) {
  const isOpen = Boolean(module.opened_by);
  const breaker = isOpen
    ? [pill("UNHEALTHY", "Open"), ` by ${module.opened_by}`, module.is_probing ? ", a probe is running" : module.probe_after && at(module.probe_after) > now ? [", next probe ", when(module.probe_after, now)] : ", waits for a robot to probe with"]
    : [pill("HEALTHY", "Closed")];
  return panel(
    "Health",
    { key: "health" },
    module.reason ? h("p", { class: "reason" }, module.reason, module.health_since ? [" · ", when(module.health_since, now)] : null) : null,
    facts([
      ["Circuit breaker", breaker],
      ["Failures in a row", count(module.consecutive_failures)],
      ["Failed checks in a row", count(module.failed_checks)],
      ["Last check", when(module.last_health_check, now)],
      ["Good in 24 h", [percent(module.success_rate_24h), module.error_count_24h ? ` · ${count(module.error_count_24h)} failed` : ""]],
      ["Uptime in 24 h", percent(module.uptime_percentage_24h)],
      ["Mean duration", module.avg_processing_time_ms ? span(module.avg_processing_time_ms) : "–"],
      ["Runs", module.max_concurrency ? [bar("Capacity in use", module.in_flight, module.max_concurrency, "flat"), ` ${module.in_flight} of ${module.max_concurrency}`] : count(module.in_flight)],
      ["Waits", module.waiting >= 1000 ? "1,000 or more" : count(module.waiting)],
      ["Ended, ever", count(module.total_robots_processed)],
    ]),
  );
}

function scorePanel(module, rows) {
  return panel(
    "Score",
    { note: `now ${module.score ?? "–"}, tier ${words(module.tier)}`, key: "score" },
    rows?.length
      ? h(
          "ul",
          { class: "factors" },
          rows.map((row) =>
            h(
              "li",
              { "data-key": row.factor },
              h("div", { class: "what" }, h("b", null, words(row.factor)), h("span", { class: "figure" }, row.value === null ? "left out" : `${Number(row.value).toFixed(2)} × ${Number(row.weight).toFixed(2)} = ${Number(row.contribution).toFixed(3)}`)),
              row.value === null ? null : bar(words(row.factor), Number(row.value), 1, Number(row.value) < 0.5 ? "bad" : Number(row.value) < 0.8 ? "warn" : ""),
              h("p", { class: "meta" }, row.detail.replaceAll(/\b(\d{4,}) ms\b/g, (_, milliseconds) => span(Number(milliseconds)))),
            ),
          ),
        )
      : empty("Reading …"),
  );
}

function historyPanel(rows, now) {
  return panel(
    "History of its health",
    { key: "history" },
    rows?.length
      ? h(
          "ol",
          { class: "history", tabindex: 0, role: "list", "aria-label": "Changes of health, the latest first" },
          rows.map((row) => h("li", { "data-key": row.changed_at }, h("div", { class: "what" }, pill(row.to_status), h("span", { class: "meta" }, when(row.changed_at, now), ` · ${stamp(row.changed_at)}`)), h("p", null, row.reason))),
        )
      : empty("Its health has never changed."),
  );
}

function ratesPanel(rows) {
  return panel(
    "By robot type",
    { note: "24 hours", key: "rates" },
    rows?.length
      ? table(
          "What ended by robot type",
          [
            ["Type", (row) => row.robot_type],
            ["Completed", (row) => count(row.completed_count), "number"],
            ["Failed", (row) => count(row.failed_count), "number"],
            ["Error rate", (row) => percent(row.error_rate), "number"],
            ["Mean", (row) => span(row.avg_duration_ms), "number"],
          ],
          rows,
          (row) => row.robot_type,
        )
      : empty("Nothing has ended within 24 hours."),
  );
}
