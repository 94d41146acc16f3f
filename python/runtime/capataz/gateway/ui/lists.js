// Jobs, and reports where the database keeps them.
import { at, count, empty, h, panel, pill, span, stamp, table, when, words } from "./dom.js";
import { read } from "./api.js";

export const jobs = {
  title: () => "Jobs",
  tasks: (_, show) => [{ ask: (signal) => read("jobs", {}, signal), seconds: 5, show: (found) => show(jobsPage(found), () => {}) }],
};

function jobsPage(found) {
  const now = at(found.now[0].at);
  const late = found.jobs.filter((job) => job.is_late).length;
  const failed = found.jobs.filter((job) => job.last_outcome === "failed").length;
  const said = [late ? `${late} late` : null, failed ? `${failed} failed last time` : null].filter(Boolean).join(", ");
  return h(
    "div",
    { class: "page jobs" },
    h(
      "section",
      { class: "headline", "aria-label": "Jobs", "data-key": "headline" },
      h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, "Jobs"), said ? pill("WARNING", said) : pill("OK", "All in time")),
      h("p", { class: "meta" }, "What pg_cron or ", h("code", null, "capataz tick"), " runs by the clock."),
    ),
    panel(
      "Scheduled jobs",
      { key: "jobs" },
      table(
        "Scheduled jobs",
        [
          ["Job", (job) => [h("b", null, words(job.job_name)), h("p", { class: "meta" }, job.description)]],
          ["Schedule", (job) => h("code", null, job.schedule)],
          ["Last run", (job) => [when(job.last_start_at, now), job.last_duration_ms === null ? "" : ` · ${span(job.last_duration_ms)}`]],
          ["Outcome", (job) => [outcome(job), job.last_error ? h("p", { class: "reason" }, job.last_error) : null]],
          ["Next", (job) => when(job.next_due_at, now)],
          ["Runs", (job) => [count(job.run_count), job.failure_count ? ` · ${count(job.failure_count)} failed` : "", job.missed_count ? ` · ${count(job.missed_count)} missed` : ""]],
        ],
        found.jobs,
        (job) => job.job_name,
      ),
    ),
  );
}

const outcome = (job) => (job.is_late ? pill("WARNING", "Late") : job.last_outcome ? pill(job.last_outcome === "failed" ? "FAILED" : "OK", job.last_outcome === "ok" ? "OK" : words(job.last_outcome)) : pill("", "Never run"));

export const reports = {
  title: () => "Reports",
  tasks: (_, show) => [{ ask: (signal) => read("reports", {}, signal), seconds: 60, show: (found) => show(reportsPage(found.reports), () => {}) }],
};

function reportsPage(rows) {
  const columns = rows?.length ? Object.keys(rows[0]).filter((name) => rows.every((row) => row[name] === null || typeof row[name] !== "object")) : [];
  return h(
    "div",
    { class: "page reports" },
    h("section", { class: "headline", "aria-label": "Reports", "data-key": "headline" }, h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, "Reports"))),
    panel(
      "Stored reports",
      { key: "reports" },
      rows === null
        ? empty("This database keeps no reports yet: its version of Capataz has none.")
        : rows.length
          ? table("Stored reports", columns.map((name) => [words(name), (row) => shown(row[name])]), rows.map((row, place) => ({ ...row, place })), (row) => String(row.place))
          : empty("No report has been written yet. The daily one is written after midnight UTC."),
    ),
  );
}

const shown = (value) => (value === null ? "–" : typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) ? stamp(value) : String(value));
