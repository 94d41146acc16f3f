// Charts: uPlot with the colours of the page, a legend with figures, and the same figures as a table.
import { h, morph } from "./dom.js";

const charts = new Map();
const zone = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const TIME_FORMAT = [
  [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
];

/**
 * The place of a chart on a page. spec: { title, series: [{ label, colour, kind }], format, axisFormat, steps, stacked }.
 * kind: bar, line, area; a series with `dash` is dashed.
 */
export function figure(id, spec) {
  return h(
    "figure",
    { class: "chart", "data-key": `chart-${id}`, "data-keep": true, "data-chart": id },
    h("div", { class: "legend" }),
    h("div", { class: "plot", role: "img", "aria-label": spec.title }),
    h("details", { class: "as-table" }, h("summary", null, "As a table"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${spec.title}, as a table` })),
  );
}

/** Give a chart its figures: times in seconds, and one list per series. */
export function draw(id, spec, times, lists) {
  const host = document.querySelector(`[data-chart="${CSS.escape(id)}"]`);
  if (!host) return;
  let known = charts.get(id);
  if (known && known.host !== host) {
    known.plot?.destroy();
    known = null;
  }
  if (!known) {
    known = { host, spec, plot: null };
    charts.set(id, known);
    host.querySelector("details").addEventListener("toggle", () => fillTable(known));
    watch(known);
  }
  Object.assign(known, { times, lists });
  if (times.length === 0 || lists.every((list) => list.every((value) => value === null))) {
    known.plot?.destroy();
    known.plot = null;
    host.classList.add("blank");
    host.querySelector(".plot").replaceChildren(h("p", { class: "empty" }, spec.nothing ?? "Nothing yet."));
  } else {
    host.classList.remove("blank");
    const data = [times, ...shown(spec, lists)];
    if (known.plot) known.plot.setData(data);
    else build(known, data);
  }
  legend(known, null);
  summary(known);
  fillTable(known);
}

/** Stacked series are drawn as sums, the greatest first, so that each shows its own share. */
function shown(spec, lists) {
  if (!spec.stacked) return lists;
  const sums = [];
  let below = null;
  for (const list of lists) {
    below = list.map((value, place) => (value === null ? null : value + (below?.[place] ?? 0)));
    sums.push(below);
  }
  return sums.reverse();
}

const inOrder = (spec) => (spec.stacked ? [...spec.series].reverse() : spec.series);

function build(known, data) {
  const { host, spec } = known;
  const plot = host.querySelector(".plot");
  plot.replaceChildren();
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("ink-soft"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  const format = spec.axisFormat ?? spec.format ?? String;
  known.plot = new uPlot(
    {
      width: Math.max(plot.clientWidth, 120),
      height: spec.height ?? 200,
      tzDate: zone,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true, range: (_, low, high) => [low - (spec.margin ?? 0), high + (spec.margin ?? 0)] }, y: { range: (_, low, high) => [0, Math.max(high * 1.12, spec.least ?? 1)] } },
      axes: [
        { ...axis, values: TIME_FORMAT, space: 56, size: 28, grid: { show: false } },
        { ...axis, values: (_, values) => values.map((value) => format(value)), size: 54, space: 28, incrs: spec.steps },
      ],
      series: [
        {},
        ...inOrder(spec).map((series) => {
          const stroke = colour(series.colour);
          const common = { label: series.label, stroke, width: series.width ?? 1.5, points: { show: series.points ?? false, size: 5, fill: stroke }, dash: series.dash };
          if (series.kind === "bar") return { ...common, width: 0, fill: stroke, paths: uPlot.paths.bars({ size: [0.72, 24], align: 0 }), points: { show: false } };
          if (series.kind === "area") return { ...common, fill: colour(`${series.colour}-soft`) || stroke };
          return common;
        }),
      ],
      hooks: { setCursor: [(u) => legend(known, u.cursor.idx)] },
    },
    data,
    plot,
  );
}

function legend(known, place) {
  const { spec, lists, times, host } = known;
  const format = spec.format ?? String;
  const last = (list) => {
    for (let i = list.length - 1 - (spec.skipLast ? 1 : 0); i >= 0; i -= 1) if (list[i] !== null) return list[i];
    return null;
  };
  const time = place === null || place === undefined ? null : (spec.time ?? hhmm)(times[place]);
  morph(
    host.querySelector(".legend"),
    h(
      "div",
      null,
      spec.series.map((series, number) => {
        const value = place === null || place === undefined ? last(lists[number]) : lists[number][place];
        return h("span", { "data-key": series.label }, h("i", { class: `swatch ${series.colour}`, "aria-hidden": "true" }), `${series.label} `, h("b", null, value === null || value === undefined ? "–" : format(value)));
      }),
      time ? h("span", { class: "time", "data-key": "time" }, time) : null,
    ),
  );
}

const hhmm = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);

function summary({ host, spec, times, lists }) {
  const format = spec.format ?? String;
  const parts = spec.series.map((series, number) => {
    const values = lists[number].filter((value) => value !== null);
    return values.length ? `${series.label}: last ${format(values.at(-1))}, highest ${format(Math.max(...values))}` : `${series.label}: nothing`;
  });
  const time = spec.time ?? hhmm;
  const range = times.length ? `from ${time(times[0])} to ${time(times.at(-1))} UTC. ` : "";
  host.querySelector(".plot").setAttribute("aria-label", `${spec.title}, ${range}${parts.join("; ")}. The figures are in the table below.`);
}

function fillTable({ host, spec, times, lists }) {
  const details = host.querySelector("details");
  if (!details.open) return;
  const format = spec.format ?? String;
  const rows = times.map((time, place) => [time, place]).reverse();
  morph(
    details.querySelector(".scroll"),
    h(
      "div",
      null,
      h(
        "table",
        null,
        h("caption", { class: "hidden" }, spec.title),
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "UTC"), spec.series.map((series) => h("th", { scope: "col" }, series.label)))),
        h("tbody", null, rows.map(([time, place]) => h("tr", null, h("th", { scope: "row" }, (spec.time ?? hhmm)(time)), lists.map((list) => h("td", null, list[place] === null ? "–" : format(list[place])))))),
      ),
    ),
  );
}

function watch(known) {
  const plot = known.host.querySelector(".plot");
  new ResizeObserver(() => {
    const width = plot.clientWidth;
    if (known.plot && width > 0 && Math.abs(known.plot.width - width) > 1) known.plot.setSize({ width, height: known.spec.height ?? 200 });
  }).observe(plot);
}

/** After a change of colours: draw anew. */
export function repaint() {
  for (const known of charts.values()) {
    if (!known.host.isConnected || !known.plot) continue;
    known.plot.destroy();
    build(known, [known.times, ...shown(known.spec, known.lists)]);
  }
}

/** Before another page: forget the charts of this one. */
export function clear() {
  for (const known of charts.values()) known.plot?.destroy();
  charts.clear();
}

// --- the charts that several pages have

import { at, brief, span } from "./dom.js";

const seconds = (text) => at(text).getTime() / 1000;
const number = (value) => (value === null || value === undefined ? null : Number(value));

export const WHOLE = [1, 2, 5].flatMap((step) => [0, 1, 2, 3, 4, 5, 6, 7].map((zeros) => step * 10 ** zeros)).sort((a, b) => a - b);
const DURATIONS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5];

/** A duration in one unit, for an axis. */
function unit(milliseconds) {
  if (milliseconds === 0) return "0";
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 60000) return `${milliseconds / 1000} s`;
  if (milliseconds < 7200000) return `${Math.round(milliseconds / 6000) / 10} min`;
  return `${Math.round(milliseconds / 360000) / 10} h`;
}

export const THROUGHPUT = {
  title: "Executions ended per minute, the last hour",
  series: [
    { label: "Completed", colour: "done", kind: "bar" },
    { label: "Failed", colour: "bad", kind: "bar" },
  ],
  stacked: true, steps: WHOLE, format: brief, skipLast: true, least: 4, margin: 40,
  nothing: "Nothing has ended within an hour.",
};
export const LATENCY = {
  title: "Duration of completed executions per hour, 24 hours",
  series: [
    { label: "p50", colour: "p50", kind: "line", width: 2.5, points: true },
    { label: "p95", colour: "p95", kind: "line", width: 2, points: true },
    { label: "p99", colour: "p99", kind: "line", width: 1.5, dash: [5, 4], points: true },
  ],
  format: span, axisFormat: unit, steps: DURATIONS, least: 10,
  nothing: "Nothing has completed within 24 hours.",
};
export const QUEUE = {
  title: "Robots waiting by priority, 3 hours",
  series: [
    { label: "Critical", colour: "critical", kind: "area" },
    { label: "High", colour: "high", kind: "area" },
    { label: "Normal", colour: "normal", kind: "area" },
    { label: "Low", colour: "low", kind: "area" },
  ],
  stacked: true, steps: WHOLE, format: brief, least: 4,
  nothing: "No samples yet: capataz tick or pg_cron takes one every minute.",
};

export function drawThroughput(id, rows) {
  const any = rows.some((row) => row.completed_count + row.failed_count > 0);
  draw(id, THROUGHPUT, any ? rows.map((row) => seconds(row.minute)) : [], any ? [rows.map((row) => row.completed_count), rows.map((row) => row.failed_count)] : [[], []]);
}

export function drawLatency(id, rows) {
  if (!rows.length) return draw(id, LATENCY, [], [[], [], []]);
  const known = new Map(rows.map((row) => [seconds(row.hour), row]));
  const times = [];
  for (let time = seconds(rows[0].hour); time <= seconds(rows.at(-1).hour); time += 3600) times.push(time);
  const list = (name) => times.map((time) => number(known.get(time)?.[name]));
  return draw(id, LATENCY, times, [list("p50_ms"), list("p95_ms"), list("p99_ms")]);
}

export function drawQueue(id, rows) {
  const sampled = rows.some((row) => row.sample_count > 0);
  const list = (name) => (sampled ? rows.map((row) => number(row[name])) : []);
  draw(id, QUEUE, sampled ? rows.map((row) => seconds(row.step_at)) : [], [list("waiting_critical"), list("waiting_high"), list("waiting_normal"), list("waiting_low")]);
}
