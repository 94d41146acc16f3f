// What is to come, and what goes wrong in a new way: forecasts of queues, patterns of errors. Both are read once a minute.
import { at, count, empty, facts, h, link, panel, percent, pill, when, words } from "./dom.js";
import { read } from "./api.js";

/** The task of a page that shows them. */
export const task = (parameters, show) => ({ ask: (signal) => read("outlook", parameters, signal), seconds: 60, show });

const PRIORITIES = ["CRITICAL", "HIGH", "NORMAL", "LOW"];

/** How many wait, as one bar in the colours of the priorities. */
function depth(name, queue) {
  const waiting = PRIORITIES.map((priority) => [priority, queue.find((row) => row.priority === priority)?.waiting ?? 0]);
  const all = waiting.reduce((sum, [, number]) => sum + number, 0);
  if (!all) return null;
  let left = 0;
  return h(
    "svg",
    { class: "depth", width: "100%", height: 8, role: "img", "aria-label": `Waiting in ${name}: ${waiting.map(([priority, number]) => `${count(number)} ${priority.toLowerCase()}`).join(", ")}` },
    waiting.map(([priority, number]) => {
      const share = (100 * number) / all;
      const rect = number ? h("rect", { class: priority.toLowerCase(), x: `${left}%`, y: 0, width: `${share}%`, height: 8 }, h("title", null, `${words(priority)}: ${count(number)}`)) : null;
      left += share;
      return rect;
    }),
  );
}

const waits = (row) => [`${row.is_estimate ? "≈ " : ""}${count(row.waiting)}`, row.not_due ? h("span", { class: "meta" }, ` and ${count(row.not_due)} later`) : null];

/** When the backlog is empty; a word where it never is, or where nobody can know. */
function emptyAt(row, now) {
  if (!row.waiting) return "empty now";
  if (row.empty_at) return at(row.empty_at) <= now ? "empty any moment" : ["empty ", when(row.empty_at, now)];
  return Number(row.busy) > 0 ? pill("WARNING", "No end in sight") : h("span", { class: "meta" }, "no pace to go by yet");
}

const rate = (value) => (Number(value) >= 10 ? count(value) : String(Math.round(Number(value) * 10) / 10));
const late = (row) => (row.late_count ? h("span", { class: "pill bad" }, `${count(row.late_count)} late`) : h("span", { class: "meta" }, "none"));
const past = (row) => (row.past_count ? [percent(row.past_error, 0), h("span", { class: "meta" }, ` on average of ${count(row.past_count)}`)] : h("span", { class: "meta" }, "none yet"));
// arrivals of 0: there were too few samples to know, or none came
const pace = (row) => [Number(row.arrivals_per_minute) ? `${rate(row.arrivals_per_minute)} come per minute` : null, Number(row.busy) ? `${rate(row.busy)} at work at once` : row.basis].filter(Boolean).join(", ");

export function forecastPanel(rows, queue, now) {
  const all = rows?.[0];
  const said = all ? [`${count(all.all_modules)} ${all.all_modules === 1 ? "module has" : "modules have"} a backlog`, all.all_endless ? `${count(all.all_endless)} without an end in sight` : null, all.all_late ? `${count(all.all_late)} ${all.all_late === 1 ? "robot" : "robots"} will be late` : null] : [];
  return panel(
    "Backlog forecast",
    { note: said.filter(Boolean).join(" · "), key: "forecast", class: "forecast" },
    !rows
      ? empty("Reading …")
      : rows.length
        ? [
            h(
              "ul",
              { class: "plain", "data-key": "modules" },
              rows.map((row) =>
                h(
                  "li",
                  { "data-key": row.module_name },
                  h("div", { class: "what" }, link("module", row.module_name), h("span", { class: "meta" }, waits(row), " wait"), row.late_count ? late(row) : null, h("span", { class: "outcome" }, emptyAt(row, now))),
                  depth(row.module_name, queue.filter((part) => part.module_name === row.module_name)),
                  h("div", { class: "meta" }, pace(row), row.past_count ? ` · past forecasts were off by ${percent(row.past_error, 0)}` : null),
                ),
              ),
            ),
            legend(),
            rows.length < all.all_modules ? h("p", { class: "note", "data-key": "more" }, `and ${count(all.all_modules - rows.length)} more modules`) : null,
          ]
        : empty("No due robot waits."),
  );
}

const legend = () => h("p", { class: "scale", "aria-hidden": "true", "data-key": "scale" }, PRIORITIES.map((name) => h("span", { class: "legend-item" }, h("i", { class: `swatch ${name.toLowerCase()}` }), words(name))));

/** Of one module. */
export function moduleForecastPanel(rows, queue, now) {
  const row = rows?.[0];
  return panel(
    "Backlog forecast",
    { note: row ? `from ${row.basis}` : null, key: "forecast", class: "forecast" },
    !row
      ? empty(rows ? "No due robot waits." : "Reading …")
      : [
          h("div", { class: "depths", "data-key": "depths" }, depth(row.module_name, queue)),
          row.waiting ? legend() : null,
          facts([
            ["Waiting", waits(row)],
            ["Backlog", emptyAt(row, now)],
            ["All of it done", row.done_at ? when(row.done_at, now) : "–"],
            ["Come in", Number(row.arrivals_per_minute) ? `${rate(row.arrivals_per_minute)} per minute` : "–"],
            ["At work at once", Number(row.busy) ? rate(row.busy) : "–"],
            ["Will be late", late(row)],
            ["Forecasts were off by", past(row)],
          ]),
          row.late_count
            ? h("ul", { class: "late", "data-key": "late", "aria-label": "Robots that will be late" }, row.late_robot_ids.map((id) => h("li", { "data-key": id }, link("robot", id))), row.late_count > row.late_robot_ids.length ? h("li", { class: "meta" }, `and ${count(row.late_count - row.late_robot_ids.length)} more`) : null)
            : null,
        ],
  );
}

const CHANGES = { new: ["bad", "New"], growing: ["warn", "Growing"], steady: ["idle", "Steady"], shrinking: ["good", "Shrinking"], vanished: ["good", "Vanished"] };

/** A pattern by the hours of the day: 24 bars. */
function hours(row) {
  const most = Math.max(1, ...row.hour_counts);
  return h(
    "svg",
    { class: "hours", viewBox: "0 0 96 20", width: 96, height: 20, role: "img", "aria-label": row.error_count ? `By hour of the day: most at ${String(row.peak_hour).padStart(2, "0")}:00 UTC, ${count(most)}` : "None within 24 hours" },
    h("line", { x1: 0, y1: 19.5, x2: 96, y2: 19.5 }),
    row.hour_counts.map((number, hour) => (number ? h("rect", { x: hour * 4 + 0.5, y: 19 - Math.max(2, (17 * number) / most), width: 3, height: Math.max(2, (17 * number) / most) }, h("title", null, `${String(hour).padStart(2, "0")}:00 UTC: ${count(number)}`)) : null)),
  );
}

export function patternsPanel(rows, hasModule = true) {
  const all = rows?.[0];
  const said = all ? [["new", all.all_new], ["growing", all.all_growing], ["vanished", all.all_vanished]].filter(([, number]) => number).map(([name, number]) => `${count(number)} ${name}`) : [];
  return panel(
    "Error patterns",
    { note: ["24 hours against the 24 before", ...said].join(" · "), key: "patterns", class: "patterns" },
    !rows
      ? empty("Reading …")
      : rows.length
        ? h(
            "ul",
            { class: "plain" },
            rows.map((row) => {
              const [tone, name] = CHANGES[row.change] ?? ["idle", words(row.change)];
              return h(
                "li",
                { class: "pattern", "data-key": `${row.module_name} ${row.error_category} ${row.step_name} ${row.fingerprint}` },
                h(
                  "div",
                  null,
                  h("div", { class: "what" }, h("span", { class: `pill ${tone}` }, name), h("span", { class: "code" }, row.error_category), h("b", null, count(row.error_count)), h("span", { class: "meta" }, `${count(row.previous_count)} before${Number(row.share) ? ` · ${percent(row.share, 0)} of all` : ""}`)),
                  h("div", { class: "meta" }, hasModule ? [link("module", row.module_name), " · "] : null, row.step_name ? `step ${row.step_name}` : "in no step", " · ", h("code", { title: "Fingerprint of the message" }, `#${row.fingerprint.slice(0, 8)}`), row.example_robot_id ? [" · ", link("robot", row.example_robot_id, "example")] : null),
                ),
                hours(row),
              );
            }),
          )
        : empty("Nothing has failed within 48 hours."),
  );
}

