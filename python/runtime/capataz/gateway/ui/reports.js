// Reports: which are stored, and one of them: findings, figures, charts, tables, files to take away.
import { at, brief, capital, count, empty, h, panel, percent, pill, stamp, table, when, words } from "./dom.js";
import { WHOLE, draw, figure } from "./charts.js";
import { read } from "./api.js";

export const reports = {
  title: () => "Reports",
  tasks: (_, show) => [{ ask: (signal) => read("reports", {}, signal), seconds: 60, show: (found) => show(reportsPage(found), () => {}) }],
};

const KINDS = [["daily", "Today so far"], ["weekly", "This week so far"], ["monthly", "This month so far"]];
let chosen = "";
const address = (kind, day) => `#/report/${kind}:${day}`;

/** A period in words: a day, a week, a month. */
function period(row) {
  const [from, to] = [at(`${row.period_start}T00:00:00`), at(`${row.period_end}T00:00:00`)];
  const day = (time, options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(time);
  if (row.kind === "monthly") return day(from, { month: "long", year: "numeric" });
  if (row.kind === "daily") return day(from, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
  return `${day(from, { day: "numeric", month: "long" })} to ${day(new Date(to - 86400000), { day: "numeric", month: "long", year: "numeric" })}`;
}

function reportsPage({ now, reports: all }) {
  const today = now[0].at.slice(0, 10);
  const rows = all.filter((row) => chosen === "" || row.kind === chosen);
  return h(
    "div",
    { class: "page reports" },
    h(
      "section",
      { class: "headline", "aria-label": "Reports", "data-key": "headline" },
      h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, "Reports")),
      h("p", { class: "meta" }, "A report is stored once its period is over, and never changes. Of the one under way there is what is known so far."),
      h("div", { class: "acts", "data-key": "acts" }, KINDS.map(([kind, text]) => h("a", { class: "act", href: address(kind, today) }, text))),
    ),
    panel(
      "Stored reports",
      { note: rows.length ? `${count(rows.length)}, the latest first` : null, key: "reports" },
      all.length ? h("div", { class: "choices", role: "group", "aria-label": "Which reports", "data-key": "choices" }, [["", "All"], ...KINDS.map(([kind]) => [kind, words(kind)])].map(([kind, text]) => h("button", { type: "button", "data-reports": kind, "aria-pressed": String(chosen === kind), "data-key": `choice-${kind}` }, text))) : null,
      rows.length
        ? table(
            "Stored reports",
            [
              ["Period", (row) => h("a", { href: address(row.kind, row.period_start) }, period(row))],
              ["Kind", (row) => words(row.kind)],
              ["Completed", (row) => count(row.completed_count), "number"],
              ["Failed", (row) => count(row.failed_count), "number"],
              ["Error rate", (row) => (row.completed_count + row.failed_count ? percent((100 * row.failed_count) / (row.completed_count + row.failed_count)) : "–"), "number"],
              ["Findings", (row) => (row.finding_count ? pill("WARNING", count(row.finding_count)) : pill("OK", "None"))],
              ["Built", (row) => when(row.built_at, at(now[0].at))],
            ],
            rows,
            (row) => `${row.kind} ${row.period_start}`,
          )
        : empty(all.length ? "None of this kind." : "No report has been written yet. The daily one is written after midnight UTC."),
    ),
  );
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reports]");
  if (!button) return;
  chosen = button.dataset.reports;
  document.dispatchEvent(new CustomEvent("capataz:again"));
});

// --- one of them

const FILES = { html: "HTML", md: "Markdown", json: "JSON" };

export const report = {
  title: (id) => `Report, ${id.replace(":", " ")}`,
  tasks(id, show) {
    const [kind, date] = id.split(":");
    return [
      {
        ask: (signal) => read("report", { kind, date }, signal),
        seconds: 60,
        show: (found) => show(reportPage(found, date), () => paint(found)),
      },
    ];
  },
};

const day = (seconds) => stamp(new Date(seconds * 1000).toISOString());
const step = (found) => (found.step_seconds >= 86400 ? "day" : "hour");
const time = (found) => (found.kind === "daily" ? undefined : (seconds) => (found.kind === "monthly" ? day(seconds).slice(0, 10) : day(seconds).slice(5, 16)));

const ended = (found) => ({
  title: `Executions ended per ${step(found)}`, time: time(found),
  series: [{ label: "Completed", colour: "done", kind: "bar" }, { label: "Failed", colour: "bad", kind: "bar" }],
  stacked: true, steps: WHOLE, format: brief, least: 4, margin: found.step_seconds / 2,
  nothing: "Nothing ended.",
});
const waiting = (found) => ({
  title: `Robots waiting by priority, means of each ${step(found)}`, time: time(found),
  series: [["Critical", "critical"], ["High", "high"], ["Normal", "normal"], ["Low", "low"]].map(([label, colour]) => ({ label, colour, kind: "area" })),
  stacked: true, steps: WHOLE, format: (value) => brief(Math.round(value)), least: 4,
  nothing: "Nobody took samples.",
});
const hasLimit = (found) => found.steps.some((row) => row.capacity !== null);
const work = (found) => ({
  title: `Executions at work, mean and most at once of each ${step(found)}`, time: time(found),
  series: [{ label: "Most", colour: "p95", kind: "line" }, { label: "Mean", colour: "p50", kind: "line", width: 2.5 }, ...(hasLimit(found) ? [{ label: "Limit", colour: "p99", kind: "line", dash: [5, 4] }] : [])],
  steps: WHOLE, format: (value) => brief(Math.round(value)), least: 4,
  nothing: "Nobody took samples.",
});

function paint(found) {
  const times = found.steps.map((row) => at(row.at).getTime() / 1000);
  const list = (...names) => names.map((name) => found.steps.map((row) => (row[name] === null || row[name] === undefined ? null : Number(row[name]))));
  const any = found.steps.some((row) => row.completed + row.failed > 0);
  draw("report-ended", ended(found), any ? times : [], list("completed", "failed"));
  draw("report-waiting", waiting(found), times, list("waiting_critical", "waiting_high", "waiting_normal", "waiting_low"));
  draw("report-work", work(found), times, list("in_flight_max", "in_flight", ...(hasLimit(found) ? ["capacity"] : [])));
}

const SEVERITIES = { CRITICAL: ["bad", "Critical"], WARNING: ["warn", "Warning"], INFO: ["busy", "Note"] };

function reportPage(found, date) {
  return h(
    "div",
    { class: "page report" },
    h(
      "section",
      { class: "headline", "aria-label": "Report", "data-key": "headline" },
      h("p", { class: "meta" }, h("a", { href: "#/reports" }, "Reports"), ` · ${found.name}`),
      h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, found.title), found.is_final ? null : pill("RUNNING", "So far")),
      h("p", { class: "meta" }, `${stamp(found.period.from).slice(0, 16)} to ${stamp(found.period.to).slice(0, 16)} · ${found.state}`),
      h("div", { class: "acts", "data-key": "acts" }, found.formats.map((form) => h("a", { class: "act", href: `ui/report?${new URLSearchParams({ kind: found.kind, date, format: form })}`, download: true, "aria-label": `Download as ${FILES[form]}` }, h("span", { "aria-hidden": "true" }, "↓ "), FILES[form]))),
      h("dl", { class: "tiles report-tiles", "data-key": "tiles" }, found.tiles.map((tile) => h("div", { "data-key": tile.name }, h("dt", null, tile.name), h("dd", { class: tile.is_bad ? "bad" : null }, h("b", null, tile.value), h("small", null, tile.note))))),
    ),
    panel(
      "What to know",
      { key: "findings" },
      found.findings.length
        ? h("ul", { class: "findings" }, found.findings.map((finding, place) => h("li", { "data-key": String(place) }, h("span", { class: `pill ${SEVERITIES[finding.severity][0]}` }, SEVERITIES[finding.severity][1]), h("span", null, finding.text))))
        : h("p", null, pill("OK", "Nothing needs attention")),
    ),
    panel(`Ended per ${step(found)}`, { note: "executions", key: "ended" }, figure("report-ended", ended(found))),
    h(
      "div",
      { class: "row two", "data-key": "charts" },
      panel("Waiting", { note: `robots by priority, mean of each ${step(found)}`, key: "waiting" }, figure("report-waiting", waiting(found))),
      panel("At work", { note: `executions, of each ${step(found)}`, key: "work" }, figure("report-work", work(found))),
    ),
    found.capacity.length ? panel("Plan of capacity", { key: "capacity" }, h("dl", { class: "answers" }, found.capacity.map(([question, answer]) => h("div", { "data-key": question }, h("dt", null, question), h("dd", null, answer))))) : null,
    found.tables.map((one) =>
      panel(
        one.name,
        { key: one.name },
        h("div", { class: "wide", "data-key": "wide", tabindex: 0, role: "region", "aria-label": one.name }, table(one.name, one.columns.map((name, place) => [/^p\d/.test(name) ? name : capital(name), (row) => row[place], place < one.texts ? null : "number"]), one.rows, (row) => String(one.rows.indexOf(row)))),
        one.note ? h("p", { class: "note", "data-key": "note" }, one.note) : null,
      ),
    ),
  );
}
