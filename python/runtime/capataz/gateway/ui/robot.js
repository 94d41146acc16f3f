// One robot: why it is where it is, its attempts on a time line, their steps and resources; what it carries, when asked.
import { at, bar, count, empty, facts, h, link, panel, pill, span, stamp, table, when, words } from "./dom.js";
import { reasons } from "./fleet.js";
import { button, isUnlocked, lockedNote } from "./actions.js";
import { read } from "./api.js";

export const title = (id) => id;

export function tasks(id, show) {
  const state = {};
  const render = () => state.found && show(page(id, state.found), () => {});
  return [
    { ask: (signal) => read("robot", { id }, signal), seconds: 2, show: (found) => { state.found = found; render(); } },
  ];
}

function page(id, found) {
  const now = at(found.now[0].at);
  const robot = found.robot[0];
  const active = found.attempts.find((attempt) => !attempt.completed_at);
  return h(
    "div",
    { class: "page robot" },
    h(
      "section",
      { class: "headline", "aria-label": "Robot", "data-key": "headline" },
      h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, id), pill(robot.status)),
      h("p", { class: "meta" }, robot.robot_type, " of ", link("module", robot.module_name), robot.correlation_id ? [" · batch ", link("batch", robot.correlation_id)] : null, " · submitted ", when(robot.created_at, now)),
      h("div", { class: "acts", "data-key": "acts" }, isUnlocked() ? acts(robot, active) : lockedNote()),
    ),
    h(
      "div",
      { class: "row two", "data-key": "top" },
      panel("Why", { note: ["PENDING", "RETRYING"].includes(robot.status) ? "what keeps it from running, and what does not" : "how it stands", key: "why" }, reasons(found.explain)),
      panel(
        "Facts",
        { key: "facts" },
        facts([
          ["Priority", words(robot.priority)],
          ["Attempts", `${found.attempts.length} so far, ${robot.retry_limit + 1} at most`],
          ["Due", when(robot.available_at, now)],
          ["Started", when(robot.started_at, now)],
          robot.completed_at ? ["Ended", when(robot.completed_at, now)] : null,
          robot.processing_time_ms ? ["Took", span(robot.processing_time_ms)] : null,
          robot.estimated_duration_minutes ? ["Estimate", `${robot.estimated_duration_minutes} min`] : null,
          robot.error_category ? ["Last error", [h("span", { class: "code" }, robot.error_category), " ", when(robot.last_error_at, now)]] : null,
          robot.cache_hit ? ["Answer", "from the cache"] : null,
          robot.source_reference ? ["Source", robot.source_reference] : null,
          robot.security_classification ? ["Classification", words(robot.security_classification)] : null,
          Number(robot.confidence_score) > 0 ? ["Confidence", robot.confidence_score] : null,
        ]),
      ),
    ),
    timelinePanel(found.attempts, robot, now),
    found.attempts.length ? attemptsPanel(found.attempts, now) : null,
    payloadPanel(id),
  );
}

function acts(robot, active) {
  const found = [];
  if (["PENDING", "RETRYING", "PROCESSING"].includes(robot.status)) found.push(button("cancel", robot.robot_id));
  if (robot.status === "FAILED") found.push(button("retry", robot.robot_id));
  if (active?.execution_state === "RUNNING") found.push(button("pause", active.execute_id));
  if (active?.execution_state === "PAUSED") found.push(button("resume", active.execute_id));
  return found.length ? found : h("p", { class: "note" }, "It has ended: there is nothing to steer.");
}

const CATEGORIES = ["INIT", "PROCESSING", "VALIDATION", "FINALIZATION"];
const kind = (category) => `s${Math.max(CATEGORIES.indexOf(category), 0)}`;

/** Steps of an attempt with their beginnings and ends; the one under way ends now. */
function stepsOf(attempt, now) {
  const steps = attempt.steps.map((step) => ({ ...step, from: at(step.started_at), to: new Date(at(step.started_at).getTime() + step.duration_ms) }));
  if (!attempt.completed_at && attempt.current_step) {
    const from = at(attempt.step_start_time ?? attempt.started_at);
    steps.push({ name: attempt.current_step, category: attempt.step_category, from, to: now, duration_ms: now - from, isRunning: true, visits: 1 });
  }
  return steps;
}

function timelinePanel(attempts, robot, now) {
  if (!attempts.length) return panel("Time line", { key: "timeline" }, empty(robot.cache_hit ? "It was answered from the cache: nobody worked on it." : "Nobody has worked on it yet."));
  const first = at(robot.created_at);
  const last = Math.max(...attempts.map((attempt) => (attempt.completed_at ? at(attempt.completed_at) : now)));
  const whole = Math.max(last - first, 1);
  const place = (time) => Math.max(0, Math.min(100, (100 * (time - first)) / whole));
  const share = (from, to) => `${Math.max(place(to) - place(from), 0.6)}%`;
  return panel(
    "Time line",
    { note: `${span(whole)} from submit to ${attempts.at(-1).completed_at ? "its end" : "now"}`, key: "timeline" },
    h(
      "ol",
      { class: "lanes" },
      attempts.map((attempt, number) => {
        const from = at(attempt.started_at);
        const to = attempt.completed_at ? at(attempt.completed_at) : now;
        const steps = stepsOf(attempt, now);
        return h(
          "li",
          { "data-key": attempt.execute_id },
          h("div", { class: "what" }, h("b", null, `Attempt ${number + 1}`), pill(attempt.execution_state), h("span", { class: "meta" }, `${span(to - from)}`, attempt.error_category ? [" · ", h("span", { class: "code" }, attempt.error_category)] : null)),
          h(
            "svg",
            { class: "lane", width: "100%", height: 22, role: "img", "aria-label": `Attempt ${number + 1}: began ${span(from - first)} after submit, took ${span(to - from)}, ${steps.length} steps` },
            h("rect", { class: "track", x: 0, y: 9, width: "100%", height: 4, rx: 2 }),
            h("rect", { class: `span ${attempt.execution_state.toLowerCase()}`, x: `${place(from)}%`, y: 2, width: share(from, to), height: 18, rx: 3 }),
            steps.map((step) => h("rect", { class: `step ${kind(step.category)} ${step.isRunning ? "running" : ""}`, x: `${place(step.from)}%`, y: 2, width: share(step.from, step.to), height: 18, rx: 3 }, h("title", null, `${step.name}: ${span(step.duration_ms)}`))),
          ),
        );
      }),
    ),
    h("p", { class: "scale", "aria-hidden": "true" }, CATEGORIES.map((name) => h("span", { class: "legend-item" }, h("i", { class: `swatch ${kind(name)}` }), words(name)))),
  );
}

function attemptsPanel(attempts, now) {
  return panel(
    "Steps and resources",
    { key: "attempts" },
    [...attempts].reverse().map((attempt, back) => {
      const number = attempts.length - back;
      const steps = stepsOf(attempt, now);
      const longest = Math.max(1, ...steps.map((step) => step.duration_ms));
      const peak = attempt.resource_peak_usage ?? {};
      const progress = attempt.progress_percentage ?? 0;
      return h(
        "details",
        { class: "attempt", "data-key": attempt.execute_id, open: back === 0 },
        h("summary", null, `Attempt ${number} · ${words(attempt.execution_state)}`, attempt.worker_id ? ` · worker ${attempt.worker_id}` : ""),
        attempt.completed_at ? null : h("div", { class: "gauge" }, bar(`Progress of attempt ${number}`, progress), h("span", { class: "figure" }, `${progress} %`)),
        facts([
          ["Began", stamp(attempt.started_at)],
          attempt.completed_at ? ["Ended", stamp(attempt.completed_at)] : ["Time limit", when(attempt.timeout_at, now)],
          !attempt.completed_at && attempt.estimated_completion_at ? ["Expected end", when(attempt.estimated_completion_at, now)] : null,
          ["Processor", attempt.cpu_usage_percent === null ? "–" : `${attempt.cpu_usage_percent} % of a core`],
          ["Memory", attempt.memory_usage_mb === null ? "–" : `${count(attempt.memory_usage_mb)} MB${peak.memory_usage_mb ? `, peak ${count(peak.memory_usage_mb)} MB` : ""}`],
          ["Disk", attempt.disk_io_mb === null ? "–" : `${count(attempt.disk_io_mb)} MB`],
          ["Network", attempt.network_io_mb === null ? "–" : `${count(attempt.network_io_mb)} MB`],
          attempt.items_processed !== null ? ["Items", count(attempt.items_processed)] : null,
          attempt.external_api_calls ? ["Calls to others", `${count(attempt.external_api_calls)}, ${count(attempt.external_api_failures)} failed`] : null,
          ["Execution", h("code", null, attempt.execute_id)],
        ]),
        steps.length
          ? table(
              `Steps of attempt ${number}`,
              [
                ["Step", (step) => [h("i", { class: `swatch ${kind(step.category)}`, "aria-hidden": "true" }), step.name, step.visits > 1 ? ` (${step.visits} times)` : ""]],
                ["Category", (step) => words(step.category)],
                ["Time", (step) => [span(step.duration_ms), step.isRunning ? " so far" : ""], "number"],
                ["Share", (step) => bar(`${step.name}, against the longest step`, step.duration_ms, longest, "flat")],
              ],
              steps.map((step, place) => ({ ...step, place })),
              (step) => `${step.place}`,
            )
          : null,
      );
    }),
  );
}

function payloadPanel(id) {
  return panel(
    "What it carries",
    { note: "as the dashboard's role may see it", key: "payload" },
    h(
      "details",
      { class: "payload", "data-payload": id, "data-key": "payload" },
      h("summary", null, "Show input, output and error messages"),
      h("div", { "data-keep": true }),
    ),
    h("p", { class: "note" }, "Opening it is written to the audit log."),
  );
}

document.addEventListener(
  "toggle",
  async (event) => {
    const id = event.target.dataset?.payload;
    if (!id || !event.target.open) return;
    const place = event.target.querySelector("[data-keep]");
    place.replaceChildren(h("p", { class: "meta" }, "Reading …"));
    try {
      const found = await read("payload", { id });
      const fields = found.fields.filter((field) => field.value !== null && JSON.stringify(field.value) !== "{}");
      place.replaceChildren(
        ...fields.map((field) => h("div", { class: "field" }, h("h3", null, words(field.field)), h("pre", { tabindex: 0, role: "region", "aria-label": words(field.field) }, JSON.stringify(field.value, null, 2)))),
        ...found.messages.filter((message) => message.error_message !== null).map((message) => h("div", { class: "field" }, h("h3", null, "Error message"), h("pre", { tabindex: 0, role: "region", "aria-label": "Error message" }, message.error_message))),
      );
      if (!place.childElementCount) place.replaceChildren(empty("It carries nothing, or nothing that may be seen."));
    } catch (error) {
      place.replaceChildren(h("p", { class: "refused" }, error.message));
    }
  },
  true,
);
