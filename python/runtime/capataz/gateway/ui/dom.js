// Elements, texts, and a morph that keeps focus, open details and charts while figures change under them.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "rect", "line", "text", "g", "title", "path"]);

/** An element. Properties are attributes; true sets an empty one; null and false leave it out. */
export function h(tag, properties, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Make the children of `old` like those of `wanted`, touching what differs and nothing else. */
export function morph(old, wanted) {
  const keyed = new Map();
  for (const child of old.childNodes) if (child.dataset?.key) keyed.set(child.dataset.key, child);
  let place = old.firstChild;
  for (const next of [...wanted.childNodes]) {
    const key = next.dataset?.key;
    let found = key ? keyed.get(key) : null;
    if (!found && !key && place && !place.dataset?.key && place.nodeName === next.nodeName) found = place;
    if (found && found.nodeName === next.nodeName) {
      if (found !== place) old.insertBefore(found, place);
      else place = place.nextSibling;
      if (key) keyed.delete(key);
      same(found, next);
    } else {
      old.insertBefore(next, place);
    }
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}

function same(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if ("keep" in old.dataset) return;
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !isVisitors(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value && !isVisitors(old, name)) old.setAttribute(name, value);
  }
  morph(old, next);
}

/** Whether details are open is for the visitor to say. */
const isVisitors = (element, name) => name === "open" && element.nodeName === "DETAILS";

// --- texts

const entire = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const NOTHING = "–";

export const count = (value) => (value === null || value === undefined ? NOTHING : entire.format(value));
export const brief = (value) =>
  value === null || value === undefined ? NOTHING : value < 10000 ? entire.format(value) : short.format(value);
export const percent = (value, digits = 1) =>
  value === null || value === undefined ? NOTHING : `${Number(value).toFixed(value == 100 || value == 0 ? 0 : digits)} %`;

/** A time of the database: UTC, without a zone. */
export const at = (text) => (text === null || text === undefined ? null : new Date(`${text}Z`));

/** A duration in milliseconds, in its two greatest units. */
export function span(milliseconds) {
  if (milliseconds === null || milliseconds === undefined || Number.isNaN(milliseconds)) return NOTHING;
  const value = Math.max(0, milliseconds);
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 10000) return `${(value / 1000).toFixed(1)} s`;
  const seconds = Math.round(value / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 && seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/** "3 min ago", "in 5 s", with the time itself as its title. */
export function when(text, now) {
  const time = at(text);
  if (!time) return NOTHING;
  const away = now - time;
  const words = Math.abs(away) < 1500 ? "now" : away > 0 ? `${span(away)} ago` : `in ${span(-away)}`;
  return h("time", { datetime: time.toISOString(), title: stamp(text) }, words);
}

/** Texts of the database without fractions of seconds. */
export const whole = (text) => text.replaceAll(/(:\d\d)\.\d{1,6}\b/g, "$1");

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const stamp = (text) => (text ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : NOTHING);
export const clock = (text) => text.slice(11, 16);

/** PROCESSING -> Processing, speed_to_week -> Speed to week */
export function words(text) {
  if (!text) return NOTHING;
  const plain = text.replaceAll("_", " ").toLowerCase();
  return plain[0].toUpperCase() + plain.slice(1);
}

// --- what several pages show

export const link = (kind, id, text) => h("a", { href: `#/${kind}/${encodeURIComponent(id)}` }, text ?? id);

const TONES = {
  HEALTHY: "good", COMPLETED: "good", OK: "good", succeeded: "good",
  DEGRADED: "warn", RETRYING: "warn", PAUSED: "warn", WARNING: "warn",
  UNHEALTHY: "bad", FAILED: "bad", CRITICAL: "bad", failed: "bad",
  RUNNING: "busy", PROCESSING: "busy",
};

/** A word with a mark of its own, so that colour is not all that tells. */
export const pill = (state, text) => h("span", { class: `pill ${TONES[state] ?? "idle"}` }, text ?? words(state));

export const panel = (title, options, ...children) =>
  h(
    "section",
    { class: `panel ${options?.class ?? ""}`, "aria-label": title, "data-key": options?.key ?? title },
    h("div", { class: "head" }, h("h2", null, title), options?.note ? h("p", { class: "note" }, options.note) : null),
    ...children,
  );

export const empty = (text) => h("p", { class: "empty" }, text);

/** A table that becomes a list of cards where it is narrow. columns: [label, cell of row, class] */
export const table = (label, columns, rows, key) =>
  h(
    "table",
    { class: "list", "aria-label": label },
    h("thead", null, h("tr", null, columns.map(([name, , kind]) => h("th", { scope: "col", class: kind }, name)))),
    h(
      "tbody",
      null,
      rows.map((row) =>
        h("tr", { "data-key": key(row) }, columns.map(([name, cell, kind]) => h("td", { "data-label": name, class: kind }, cell(row)))),
      ),
    ),
  );

export const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, value]) => h("div", { "data-key": name }, h("dt", null, name), h("dd", null, value))),
  );

export const bar = (label, value, most = 100, tone = "") =>
  h("progress", { class: tone, value: Math.min(value ?? 0, most), max: most, "aria-label": label });
