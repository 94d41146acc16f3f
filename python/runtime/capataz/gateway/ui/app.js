// The page: routes, polling, colours, find, dialogs.
import { h, morph } from "./dom.js";
import { Poller, Refusal, read } from "./api.js";
import { clear, repaint } from "./charts.js";
import { askForKey, confirm, onKey } from "./actions.js";
import * as fleet from "./fleet.js";
import * as module from "./module.js";
import * as robot from "./robot.js";
import * as batch from "./batch.js";
import { jobs } from "./lists.js";
import { report, reports } from "./reports.js";

const PAGES = { fleet, module, robot, batch, jobs, reports, report };
const PARENTS = { report: "reports" };
const main = document.getElementById("main");
const notice = document.getElementById("notice");
const live = document.getElementById("live");
let isFirst = true;
let isSilent = false;
let version = "";

const poller = new Poller((error, isFinal) => {
  document.documentElement.classList.toggle("silent", Boolean(error));
  if (!error) {
    if (isSilent) say("");
    isSilent = false;
    return;
  }
  if (isFinal) {
    show(h("div", { class: "page" }, h("section", { class: "headline" }, h("h1", { tabindex: "-1" }, error.message), error.hint ? h("p", { class: "meta" }, error.hint) : null)), () => {});
    return;
  }
  if (!isSilent) say(error instanceof Refusal ? `No news: ${error.message}. Trying again.` : "No news: the gateway does not answer. Trying again.");
  isSilent = true;
});

function say(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

function route() {
  const [, name = "", id = ""] = location.hash.split("/");
  const page = name === "" ? "fleet" : name;
  let text = "";
  try {
    text = decodeURIComponent(id);
  } catch {
    text = id;
  }
  return PAGES[page] && (["fleet", "jobs", "reports"].includes(page) || text) ? [page, text] : ["fleet", ""];
}

function go() {
  const [name, id] = route();
  const page = PAGES[name];
  clear();
  main.replaceChildren(h("p", { class: "empty" }, "Reading …"));
  document.title = `${page.title(id)} · Capataz`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === (PARENTS[name] ?? name)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
  isSilent = false;
  let isNew = true;
  poller.start(
    page.tasks(id, (content, paint) => {
      show(content, paint);
      if (isNew && !isFirst) main.querySelector("h1")?.focus({ preventScroll: true });
      if (isNew && !isFirst) scrollTo(0, 0);
      isNew = false;
      isFirst = false;
    }),
  );
}

function show(content, paint) {
  morph(main, h("main", null, content));
  paint();
}

// --- the bar

// The part of the address behind # names the page: a skip by address would leave it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

live.addEventListener("click", () => {
  const isLive = live.getAttribute("aria-pressed") !== "true";
  live.setAttribute("aria-pressed", String(isLive));
  document.getElementById("live-text").textContent = isLive ? "Live" : "Paused";
  poller.setLive(isLive);
});

document.getElementById("find").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = event.target.elements.q.value.trim();
  if (!text) return;
  try {
    const { found } = await read("find", { q: text });
    if (found.length) {
      event.target.elements.q.value = "";
      location.hash = `#/${found[0].kind}/${encodeURIComponent(text)}`;
      say("");
    } else {
      say(`There is no robot, batch or module called “${text}”.`);
    }
  } catch (error) {
    say(error.message);
  }
});

const THEMES = { "": "as the system has them", light: "light", dark: "dark" };
const theme = document.getElementById("theme");
function showTheme() {
  theme.setAttribute("aria-label", `Colours: ${THEMES[document.documentElement.dataset.theme ?? ""]}`);
  theme.title = theme.getAttribute("aria-label");
}
theme.addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(document.documentElement.dataset.theme ?? "") + 1) % names.length];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem("capataz-theme", next);
  } catch {
    // not remembered, then
  }
  showTheme();
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
showTheme();

document.getElementById("key").addEventListener("click", askForKey);
onKey(() => poller.wake());
document.addEventListener("capataz:again", () => poller.wake());
document.getElementById("sign-out").hidden = !document.documentElement.dataset.session;

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) document.getElementById("dialog").close();
  const act = event.target.closest("[data-act]");
  if (act) {
    confirm(act.dataset.act, act.dataset.id, (text) => {
      say(text);
      poller.wake();
    });
  }
});

read("version", {}).then(({ now }) => {
  version = now[0].version;
  document.getElementById("version").textContent = `Capataz ${version}`;
}, () => {});

addEventListener("hashchange", go);
say("");
go();
