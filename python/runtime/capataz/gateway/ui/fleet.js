// The fleet: is all well, what runs, what waits, what went wrong.
import { at, bar, brief, clock, count, empty, h, link, panel, percent, pill, span, when, whole, words } from "./dom.js";
import { LATENCY, QUEUE, THROUGHPUT, drawLatency, drawQueue, drawThroughput, figure } from "./charts.js";
import { forecastPanel, patternsPanel, task as outlook } from "./outlook.js";
import { read } from "./api.js";

const RANK = { UNHEALTHY: 0, DEGRADED: 1, UNKNOWN: 2, HEALTHY: 3 };
const SHOWN = 48;
let areAllShown = false;
const explained = new Map();

export const title = () => "Fleet";

export function tasks(_, show) {
  const state = {};
  const render = () => state.fleet && show(page(state), () => paint(state));
  return [
    { ask: (signal) => read("fleet", {}, signal), seconds: 2, show: (found) => { state.fleet = found; render(); } },
    { ask: (signal) => read("trends", {}, signal), seconds: 15, show: (found) => { state.trends = found; render(); } },
    outlook({}, (found) => { state.outlook = found; render(); }),
  ];
}

function paint({ fleet, trends }) {
  drawThroughput("throughput", fleet.throughput);
  if (trends) {
    drawLatency("latency", trends.latency);
    drawQueue("queue", trends.trend);
  }
}

function page({ fleet, trends, outlook: coming }) {
  const now = at(fleet.now[0].at);
  return h(
    "div",
    { class: "page fleet" },
    headline(fleet, trends, now),
    h(
      "div",
      { class: "row three", "data-key": "charts" },
      panel("Throughput", { note: "executions per minute" }, figure("throughput", THROUGHPUT)),
      panel("Latency", { note: "per hour, of completed executions" }, figure("latency", LATENCY)),
      panel("Queue", { note: "robots waiting, by priority" }, figure("queue", QUEUE)),
    ),
    h(
      "div",
      { class: "row wide-left", "data-key": "work" },
      runningPanel(fleet.running, now, total(fleet.modules, "in_flight")),
      h("div", { class: "column", "data-key": "side" }, stuckPanel(fleet.stuck, fleet.running, now), failuresPanel(fleet.failures, now)),
    ),
    h("div", { class: "row two", "data-key": "outlook" }, forecastPanel(coming?.forecast, fleet.queue, now), patternsPanel(coming?.patterns)),
    modulesPanel(fleet.modules, now),
    trends ? heatPanel(trends.errors, now) : null,
  );
}

const total = (rows, name) => rows.reduce((sum, row) => sum + Number(row[name] ?? 0), 0);

function matters(fleet) {
  const found = fleet.health
    .filter((check) => check.status !== "OK")
    .map((check) => ({ tone: check.status === "CRITICAL" ? "bad" : "warn", what: words(check.check_name), detail: check.detail }));
  const stuck = new Set(fleet.stuck.map((row) => row.execute_id)).size;
  if (stuck) found.push({ tone: "warn", what: "Stuck", detail: `${stuck === 50 ? "50 or more" : stuck} ${stuck === 1 ? "execution does" : "executions do"} not get on` });
  return found.sort((a, b) => (a.tone === b.tone ? 0 : a.tone === "bad" ? -1 : 1));
}

function headline(fleet, trends, now) {
  const found = matters(fleet);
  const tone = found.some((matter) => matter.tone === "bad") ? "bad" : found.length ? "warn" : "good";
  const said = fleet.modules.length === 0 ? "No module is registered yet" : found.length === 0 ? "All is well" : found.length === 1 ? "One matter needs a look" : `${found.length} matters need a look`;
  const healthy = fleet.modules.filter((module) => module.health_status === "HEALTHY" && module.is_active).length;
  const waiting = total(fleet.queue, "waiting");
  const isEstimate = fleet.queue.some((row) => row.is_estimate);
  const oldest = fleet.queue.map((row) => row.oldest_due_at).filter(Boolean).sort()[0];
  const full = fleet.throughput.slice(0, -1);
  const minutes = full.slice(-5);
  const completed = total(minutes, "completed_count") / Math.max(minutes.length, 1);
  const ended = total(fleet.throughput, "completed_count") + total(fleet.throughput, "failed_count");
  const failed = total(fleet.throughput, "failed_count");
  const latest = trends?.latency.at(-1);
  return h(
    "section",
    { class: `headline ${tone}`, "aria-label": "State of the fleet", "data-key": "headline" },
    h("div", { class: "verdict" }, h("span", { class: `lamp ${tone}`, "aria-hidden": "true" }), h("h1", { tabindex: "-1" }, said)),
    found.length
      ? h("ul", { class: "matters" }, found.slice(0, 6).map((matter) => h("li", { class: matter.tone, "data-key": matter.what }, h("b", null, matter.what), " ", whole(matter.detail))))
      : null,
    h(
      "dl",
      { class: "tiles", "data-key": "tiles" },
      tile("Modules healthy", [h("b", null, count(healthy)), h("small", null, ` of ${count(fleet.modules.length)}`)]),
      tile("Running", h("b", null, brief(total(fleet.modules, "in_flight")))),
      tile("Waiting", [h("b", null, `${isEstimate ? "≈ " : ""}${brief(waiting)}`), oldest ? h("small", null, `oldest ${span(now - at(oldest))}`) : null]),
      tile("Completed per minute", [h("b", null, completed < 10 && completed > 0 ? completed.toFixed(1) : brief(Math.round(completed))), h("small", null, "mean of 5 min")]),
      tile("Failed, last hour", [h("b", null, ended ? percent((100 * failed) / ended) : "–"), h("small", null, ended ? `${brief(failed)} of ${brief(ended)}` : "nothing ended")]),
      tile("p95, this hour", [h("b", null, latest ? span(latest.p95_ms) : "–"), latest ? h("small", null, `p99 ${span(latest.p99_ms)}`) : null]),
    ),
  );
}

const tile = (name, ...value) => h("div", { "data-key": name }, h("dt", null, name), h("dd", null, value));

export function runningPanel(rows, now, all, hasModule = true) {
  return panel(
    "Running",
    { note: all > rows.length ? `${count(rows.length)} of ${count(all)}: the nearest to their time limit` : "the nearest to its time limit first", class: `running ${rows.length < 5 ? "few" : ""}`, key: "running" },
    rows.length
      ? h("ul", { class: "runs", "data-key": "runs", tabindex: 0, role: "list", "aria-label": "Running executions" }, rows.map((row) => run(row, now, hasModule)))
      : empty("Nothing runs now."),
  );
}

function run(row, now, hasModule) {
  const started = at(row.started_at);
  const progress = row.progress_percentage ?? 0;
  const steps = row.total_steps > 1 ? `step ${Math.min(row.completed_steps + 1, row.total_steps)} of ${row.total_steps}` : null;
  const left = row.estimated_completion_at ? at(row.estimated_completion_at) - now : null;
  const limit = at(row.timeout_at) - now;
  return h(
    "li",
    { "data-key": row.execute_id },
    h(
      "div",
      { class: "what" },
      link("robot", row.robot_id),
      h("span", { class: "meta" }, hasModule ? [link("module", row.module_name), " · "] : null, row.robot_type, row.attempt > 1 ? ` · attempt ${row.attempt}` : null),
      row.priority === "CRITICAL" || row.priority === "HIGH" ? h("span", { class: `tag ${row.priority.toLowerCase()}` }, words(row.priority)) : null,
      row.execution_state === "RUNNING" ? null : pill(row.execution_state),
      row.is_slow ? h("span", { class: "pill warn" }, "Slow") : null,
    ),
    h("div", { class: "gauge" }, bar(`Progress of ${row.robot_id}`, progress, 100, row.is_slow ? "warn" : ""), h("span", { class: "figure" }, `${progress} %`)),
    h(
      "div",
      { class: "meta" },
      [row.current_step ?? null, steps, `${span(now - started)} so far`, left > 0 ? `about ${span(left)} left` : null, limit < 300000 ? `limit in ${span(limit)}` : null].filter(Boolean).join(" · "),
    ),
  );
}

export function stuckPanel(stuck, running, now) {
  const slow = running.filter((row) => row.is_slow).map((row) => ({ ...row, reason: "slow", since: row.started_at }));
  const rows = [...stuck, ...slow];
  const known = new Map();
  for (const row of rows) known.set(row.execute_id, [known.get(row.execute_id)?.[0] ?? row, [...(known.get(row.execute_id)?.[1] ?? []), row.reason]]);
  const grouped = [...known.values()];
  return panel(
    "Slow and stuck",
    { key: "stuck" },
    rows.length
      ? h(
          "ul",
          { class: "plain" },
          grouped.slice(0, 5).map(([row, causes]) =>
            h(
              "li",
              { "data-key": row.execute_id },
              h("div", { class: "what" }, link("robot", row.robot_id), causes.map((cause) => h("span", { class: "pill warn" }, words(cause)))),
              h("div", { class: "meta" }, link("module", row.module_name), row.current_step ? ` · ${row.current_step}` : null, ` · for ${span(now - at(row.since))}`),
              h("details", { class: "why", "data-why": row.robot_id }, h("summary", null, "Why"), why(row.robot_id)),
            ),
          ),
          grouped.length > 5 ? h("li", { class: "meta" }, stuck.length === 50 ? "and more" : `and ${grouped.length - 5} more`) : null,
        )
      : empty("Everything that runs gets on."),
  );
}

function why(robotId) {
  const rows = explained.get(robotId);
  if (!rows) return h("p", { class: "meta" }, "Reading …");
  return reasons(rows);
}

/** The rows of explain_robot. Of a robot that does not wait, nothing keeps it: what is not in order is how it stands. */
export function reasons(rows) {
  const isWaiting = rows.some((row) => row.check_name === "status" && row.ok);
  const marks = { ok: "In order: ", not: "Not in order: ", info: "" };
  return h(
    "ul",
    { class: "reasons" },
    rows.map((row) => {
      const mark = row.ok ? "ok" : isWaiting ? "not" : "info";
      return h("li", { class: mark, "data-key": row.check_name }, h("span", { class: "hidden" }, marks[mark]), h("b", null, words(row.check_name)), " ", whole(row.detail));
    }),
  );
}

document.addEventListener(
  "toggle",
  async (event) => {
    const robotId = event.target.dataset?.why;
    if (!robotId || !event.target.open) return;
    try {
      explained.set(robotId, (await read("explain", { id: robotId })).explain);
      if (explained.size > 100) explained.delete(explained.keys().next().value);
      const place = event.target.querySelector("p, ul");
      if (place) place.replaceWith(reasons(explained.get(robotId)));
    } catch (error) {
      event.target.querySelector("p, ul")?.replaceWith(h("p", { class: "meta" }, error.message));
    }
  },
  true,
);

export function failuresPanel(rows, now) {
  return panel(
    "Recent failures",
    { key: "failures" },
    rows.length
      ? h(
          "ul",
          { class: "plain" },
          rows.slice(0, 6).map((row) =>
            h(
              "li",
              { "data-key": row.robot_id },
              h("div", { class: "what" }, link("robot", row.robot_id), h("span", { class: "code" }, row.error_category)),
              h(
                "div",
                { class: "meta" },
                link("module", row.module_name), " · ", when(row.last_error_at, now), " · ",
                row.status === "RETRYING" ? `attempt ${row.retry_count + 1} of ${row.retry_limit + 1} to come` : "failed for good",
              ),
            ),
          ),
        )
      : empty("No robot has failed."),
  );
}

function modulesPanel(modules, now) {
  const sorted = [...modules].sort((a, b) => rank(a) - rank(b) || a.module_name.localeCompare(b.module_name));
  const visible = areAllShown ? sorted : sorted.slice(0, SHOWN);
  return panel(
    "Modules",
    { note: visible.length < sorted.length ? `${count(visible.length)} of ${count(sorted.length)}, the worst first` : null, key: "modules" },
    sorted.length ? h("ul", { class: "board" }, visible.map((module) => card(module, now))) : empty("Register one: select capataz.register_module('LegalModule', '1.0', array['CONTRACT']);"),
    visible.length < sorted.length ? h("button", { type: "button", "data-all-modules": true }, `Show all ${count(sorted.length)}`) : null,
  );
}

const rank = (module) => (module.is_active ? RANK[module.health_status] ?? 2 : 2.5);

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-all-modules]")) return;
  areAllShown = true;
  document.dispatchEvent(new CustomEvent("capataz:again"));
});

export const state = (module) => (module.is_active ? pill(module.health_status) : h("span", { class: "pill idle" }, "Inactive"));

function card(module, now) {
  const most = module.max_concurrency;
  const isWell = module.is_active && module.health_status === "HEALTHY";
  return h(
    "li",
    { class: "card", "data-key": module.module_name },
    h("div", { class: "what" }, h("h3", null, link("module", module.module_name)), state(module)),
    isWell || !module.reason ? null : h("p", { class: "reason" }, module.reason, module.health_since ? [" · ", when(module.health_since, now)] : null),
    h(
      "div",
      { class: "gauge", "data-key": "gauge" },
      most ? bar(`Capacity of ${module.module_name} in use`, module.in_flight, most, "flat") : null,
      h("span", { class: "figure" }, most ? `${module.in_flight} of ${most} run` : `${module.in_flight} run`, ` · ${module.waiting >= 1000 ? "1,000+" : module.waiting} wait`),
    ),
    h(
      "p",
      { class: "meta" },
      `${percent(module.success_rate_24h)} good in 24 h · ${module.avg_processing_time_ms ? `${span(module.avg_processing_time_ms)} mean` : "no mean yet"} · score ${module.score === null ? "–" : Number(module.score).toFixed(2)}`,
    ),
  );
}

/** Modules by hours: how much of what ended FAILED. */
function heatPanel(rows, now) {
  const hours = [];
  const first = new Date(now);
  first.setUTCMinutes(0, 0, 0);
  for (let back = 23; back >= 0; back -= 1) hours.push(new Date(first - back * 3600000).toISOString().slice(0, 19));
  const known = new Map(rows.map((row) => [`${row.module_name} ${row.hour}`, row]));
  const sums = new Map();
  for (const row of rows) {
    const sum = sums.get(row.module_name) ?? { failed: 0, ended: 0 };
    sum.failed += row.failed_count;
    sum.ended += row.failed_count + row.completed_count;
    sums.set(row.module_name, sum);
  }
  const modules = [...sums.keys()].sort((a, b) => sums.get(b).failed - sums.get(a).failed || a.localeCompare(b));
  return panel(
    "Errors by module and hour",
    { note: "share of what ended that failed, 24 hours", key: "heat" },
    modules.length
      ? [
          h(
            "div",
            { class: "scroll heat-scroll", tabindex: 0, role: "region", "aria-label": "Errors by module and hour", "data-key": "heat" },
            h(
              "table",
              { class: "heat" },
              h("thead", null, h("tr", null, h("th", { scope: "col" }, "Module"), hours.map((hour, place) => h("th", { scope: "col" }, h("span", { class: place % 3 === 2 ? null : "hidden" }, clock(hour).slice(0, 2)))), h("th", { scope: "col" }, "24 h"))),
              h(
                "tbody",
                null,
                modules.map((module) =>
                  h(
                    "tr",
                    { "data-key": module },
                    h("th", { scope: "row" }, link("module", module)),
                    hours.map((hour) => {
                      const row = known.get(`${module} ${hour}`);
                      if (!row) return h("td", { class: "none" }, h("span", { class: "hidden" }, "nothing"));
                      const ended = row.completed_count + row.failed_count;
                      const text = `${count(row.failed_count)} of ${count(ended)} failed, ${percent(row.error_rate)}`;
                      return h("td", { class: level(Number(row.error_rate)), title: `${module}, ${clock(hour)} UTC: ${text}` }, h("span", { class: "hidden" }, text));
                    }),
                    h("td", { class: "sum" }, percent((100 * sums.get(module).failed) / sums.get(module).ended)),
                  ),
                ),
              ),
            ),
          ),
          h("p", { class: "scale", "aria-hidden": "true", "data-key": "scale" }, "0 %", ["l0", "l1", "l2", "l3", "l4", "l5"].map((name) => h("i", { class: name })), "50 % and more"),
        ]
      : empty("Nothing has ended within 24 hours."),
  );
}

function level(rate) {
  if (rate <= 0) return "l0";
  if (rate < 2) return "l1";
  if (rate < 5) return "l2";
  if (rate < 15) return "l3";
  if (rate < 50) return "l4";
  return "l5";
}
