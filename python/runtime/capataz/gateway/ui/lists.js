// Jobs.
import { at, count, h, panel, pill, span, table, when, words } from "./dom.js";
import { read } from "./api.js";

export const jobs = {
  title: () => "Jobs",
  tasks: (_, show) => [{ ask: (signal) => read("jobs", {}, signal), seconds: 5, show: (found) => show(jobsPage(found), () => {}) }],
};

function jobsPage(found) {
  const now = at(found.now[0].at);
  const late = found.jobs.filter((job) => job.is_late).length;
  const failed = found.jobs.filter((job) => hasFailed(job)).length;
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

const hasFailed = (job) => (job.last_outcome ?? "").startsWith("failed"); // also "failed: timeout"

function outcome(job) {
  const last = hasFailed(job) ? pill("FAILED", words(job.last_outcome)) : null;
  if (job.is_late) return [pill("WARNING", "Late"), last ? [" ", last] : null];
  if (last) return last;
  return job.last_outcome ? pill("OK", job.last_outcome === "ok" ? "OK" : words(job.last_outcome)) : pill("", "Never run");
}
