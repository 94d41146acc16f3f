// The robots that share a correlation id: how far they are.
import { at, bar, brief, count, empty, h, link, panel, percent, pill, span, table, when } from "./dom.js";
import { read } from "./api.js";

let status = "";
let batch = null;
export const title = (id) => `Batch ${id}`;

export function tasks(id, show) {
  if (batch !== id) {
    status = "";
    batch = id;
  }
  return [
    { ask: (signal) => read("batch", { id, status }, signal), seconds: 3, show: (found) => show(page(id, found), () => {}) },
  ];
}

const PARTS = [
  ["completed", "Completed", "COMPLETED"],
  ["failed", "Failed", "FAILED"],
  ["processing", "Running", "PROCESSING"],
  ["retrying", "Wait for another attempt", "RETRYING"],
  ["pending", "Wait", "PENDING"],
];

function page(id, found) {
  const now = at(found.now[0].at);
  const all = found.batch[0];
  const isDone = all.completed + all.failed === all.total;
  return h(
    "div",
    { class: "page batch" },
    h(
      "section",
      { class: "headline", "aria-label": "Batch", "data-key": "headline" },
      h("div", { class: "verdict" }, h("h1", { tabindex: "-1" }, id), isDone ? pill(all.failed ? "WARNING" : "OK", all.failed ? "Ended, with failures" : "Completed") : pill("RUNNING", "Under way")),
      h("div", { class: "gauge big" }, bar("Ended of all", Number(all.percent)), h("span", { class: "figure" }, percent(all.percent))),
      h("p", { class: "meta" }, `${count(all.completed + all.failed)} of ${count(all.total)} have ended · `, isDone ? ["ended ", when(all.eta, now)] : all.eta ? ["expected to end ", when(all.eta, now)] : "no pace to go by yet"),
      h("dl", { class: "tiles" }, PARTS.map(([name, label]) => h("div", { "data-key": name }, h("dt", null, label), h("dd", null, h("b", null, brief(all[name])))))),
    ),
    panel(
      "Robots",
      { note: `${found.robots.length === 100 ? "the first 100" : count(found.robots.length)}, by source reference`, key: "robots" },
      h(
        "div",
        { class: "choices", role: "group", "aria-label": "Which robots" },
        [["", "All", ""], ...PARTS.map(([, label, value]) => ["", label, value])].map(([, label, value]) => h("button", { type: "button", "data-status": value, "aria-pressed": String(status === value), "data-key": `choice-${value}` }, label)),
      ),
      found.robots.length
        ? table(
            "Robots of the batch",
            [
              ["Robot", (row) => link("robot", row.robot_id)],
              ["Source", (row) => row.source_reference ?? "–"],
              ["Module", (row) => link("module", row.module_name)],
              ["Status", (row) => [pill(row.status), row.error_category && row.status !== "COMPLETED" ? [" ", h("span", { class: "code" }, row.error_category)] : null]],
              ["Progress", (row) => (row.status === "PROCESSING" ? [bar(`Progress of ${row.robot_id}`, row.progress_percentage ?? 0), ` ${row.progress_percentage ?? 0} %`] : row.processing_time_ms !== null && row.completed_at ? span(row.processing_time_ms) : "–")],
            ],
            found.robots,
            (row) => row.robot_id,
          )
        : empty("None."),
    ),
  );
}

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-status]");
  if (!chosen) return;
  status = chosen.dataset.status;
  document.dispatchEvent(new CustomEvent("capataz:again"));
});
