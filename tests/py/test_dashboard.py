"""The dashboard in a real browser (headless Chromium), and who may see it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from capataz.errors import Forbidden
from capataz.gateway import dashboard
from conftest import ROOT, MakeDatabase
from dashboards import Fleet, fill, fill_with_many, fill_with_reports, serving
from support import PATIENCE, Connection

Browser = webdriver.Chrome

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PASSWORD = "a long password"

needs_browser = pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="no chromium with chromedriver (make deps)")


@dataclass
class World:
    """A database, its roles, and the dashboard in front of it."""

    dsn: str
    gateway_dsn: str
    viewer_dsn: str
    url: str
    audit: Path
    fleet: Fleet | None = None

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(
            self.url + path, headers={n.replace("_", "-"): v for n, v in headers.items()}, timeout=PATIENCE
        )


@pytest.fixture(scope="module")
def roles(admin: Connection) -> Iterator[Callable[[str], str]]:
    """``roles("viewer")``: a login role in capataz_viewer; dropped at the end."""
    made: dict[str, str] = {}

    def role(group: str) -> str:
        if group not in made:
            made[group] = f"capataz_test_ui_{group}_{os.getpid()}"
            admin.execute(
                sql.SQL("create role {} login in role {}").format(
                    sql.Identifier(made[group]), sql.Identifier(f"capataz_{group}")
                )
            )
        return made[group]

    yield role
    for name in made.values():
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def _world(dsn: str, roles: Callable[[str], str], folder: Path) -> World:
    return World(
        dsn, make_conninfo(dsn, user=roles("gateway")), make_conninfo(dsn, user=roles("viewer")), "", folder / "audit"
    )


Made = Iterator[World]


@pytest.fixture(scope="module")
def filled(create_database: MakeDatabase, template: str, roles: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Some hours in the life of a fleet."""
    world = _world(create_database(template), roles, tmp_path_factory.mktemp("filled"))
    world.fleet = fill(world.dsn, hours=1, minutes=2)
    with serving(world.gateway_dsn, world.viewer_dsn, world.audit, "--cors-origin", "*") as world.url:
        yield world


@pytest.fixture(scope="module")
def nothing(create_database: MakeDatabase, template: str, roles: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """An empty database."""
    world = _world(create_database(template), roles, tmp_path_factory.mktemp("nothing"))
    with serving(world.gateway_dsn, world.viewer_dsn, world.audit) as world.url:
        yield world


@pytest.fixture(scope="module", autouse=True)
def many_robots(create_database: MakeDatabase, template: str) -> Iterator[tuple[str, Future[None]]]:
    """A database that is filled while the first tests run."""
    dsn = create_database(template)
    with ThreadPoolExecutor(1) as executor:
        yield dsn, executor.submit(fill_with_many, dsn)


@pytest.fixture(scope="module")
def many(many_robots: tuple[str, Future[None]], roles: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """100,000 robots."""
    dsn, filling = many_robots
    world = _world(dsn, roles, tmp_path_factory.mktemp("many"))
    filling.result(2 * PATIENCE)
    with serving(world.gateway_dsn, world.viewer_dsn, world.audit) as world.url:
        yield world


@pytest.fixture(scope="module", autouse=True)
def stored_reports(create_database: MakeDatabase, template: str) -> Iterator[tuple[str, Future[None]]]:
    """A database whose reports are built while the first tests run."""
    dsn = create_database(template)
    with ThreadPoolExecutor(1) as executor:
        yield dsn, executor.submit(fill_with_reports, dsn)


@pytest.fixture(scope="module")
def reported(stored_reports: tuple[str, Future[None]], roles: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A daily, a weekly and a monthly report."""
    dsn, filling = stored_reports
    world = _world(dsn, roles, tmp_path_factory.mktemp("reported"))
    filling.result(2 * PATIENCE)
    with serving(world.gateway_dsn, world.viewer_dsn, world.audit) as world.url:
        yield world


@pytest.fixture(scope="module")
def locked(filled: World, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The filled database behind a password."""
    world = World(filled.dsn, filled.gateway_dsn, filled.viewer_dsn, "", tmp_path_factory.mktemp("locked") / "audit")
    with serving(world.gateway_dsn, world.viewer_dsn, world.audit, "--workers", "2", password=PASSWORD) as world.url:
        yield world


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    assert CHROMIUM is not None
    options.binary_location = CHROMIUM
    arguments = [
        "--headless=new",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--window-size=1280,900",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    for argument in arguments:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(PATIENCE)
    yield driver
    driver.quit()


def size(browser: Browser, width: int, *, dark: bool = False) -> None:
    """Width of the page, and its colours."""
    shape = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def wait(browser: Browser, what: Callable[[Browser], Any]) -> Any:
    """What it gives once that is true; an element that was drawn anew meanwhile is looked for again."""
    gone = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(browser, PATIENCE, 0.05, ignored_exceptions=gone).until(what)


def find(browser: Browser, selector: str) -> WebElement:
    """The first that is there, once it is there."""
    found: WebElement = wait(browser, lambda b: next(iter(b.find_elements(By.CSS_SELECTOR, selector)), None))
    return found


def open_page(browser: Browser, url: str, page: str = "") -> str:
    """Open a page; its heading, once it is drawn."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(f"{url}/#/{page}")
    return str(wait(browser, lambda b: b.find_element(By.CSS_SELECTOR, "main h1").text))


def errors(browser: Browser) -> list[str]:
    """What the browser has to complain about."""
    return [str(entry["message"]) for entry in browser.get_log("browser")]


def overflow(browser: Browser) -> int:
    """By how much the page is wider than the window."""
    return int(browser.execute_script("return document.documentElement.scrollWidth - innerWidth"))


def pages(world: World) -> dict[str, str]:
    """Every page, with what its heading says."""
    assert world.fleet is not None
    robots = world.fleet.robots
    return {
        "": "need a look",
        "module/MailModule": "MailModule",
        "module/IdentityModule": "IdentityModule",
        f"robot/{robots['tried']}": robots["tried"],
        f"robot/{robots['slow']}": robots["slow"],
        f"batch/{world.fleet.batch}": world.fleet.batch,
        "jobs": "Jobs",
        "reports": "Reports",
    }


# --- in the browser ---------------------------------------------------------------------------------------------


@needs_browser
def test_every_page_is_drawn_fits_a_telephone_and_can_be_read(browser: Browser, filled: World) -> None:
    """Read: a contrast of 4.5 and more, of large texts 3 (WCAG AA), in light and in dark."""
    contrast = (Path(__file__).parent / "contrast.js").read_text()
    for width, dark in ((1280, False), (380, True)):
        size(browser, width, dark=dark)
        for page, heading in pages(filled).items():
            assert heading in open_page(browser, filled.url, page)
            if page == "" or page.startswith("module"):
                wait(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".plot canvas")) >= 2)
                wait(browser, lambda b: "Reading" not in b.find_element(By.TAG_NAME, "main").text)
            assert overflow(browser) <= 0, (page, width)
            assert errors(browser) == [], (page, width)
            assert browser.execute_script(contrast) == [], (page, width)
            assert heading.split()[0] in browser.title or page == ""


@needs_browser
def test_an_empty_database_says_so(browser: Browser, nothing: World) -> None:
    size(browser, 380)
    assert open_page(browser, nothing.url) == "No module is registered yet"
    assert "Nothing runs now." in find(browser, "main").text
    for text in ("No samples yet", "No due robot waits.", "Nothing has failed within 48 hours."):
        wait(browser, lambda b, text=text: text in b.find_element(By.TAG_NAME, "main").text)
    assert overflow(browser) <= 0
    for page, heading in (("jobs", "Jobs"), ("reports", "Reports")):
        assert open_page(browser, nothing.url, page) == heading
        assert overflow(browser) <= 0
    assert "No report has been written" in find(browser, "main").text
    open_page(browser, nothing.url, "report/daily:2020-01-01")
    wait(browser, lambda b: "there is no daily report" in b.find_element(By.TAG_NAME, "h1").text.lower())
    browser.get_log("browser")  # of the refusal
    assert errors(browser) == []
    for page in ("robot/nobody", "module/nobody", "batch/nobody"):
        assert "nobody" in open_page(browser, nothing.url, page)
    find(browser, "#find-text").send_keys("nobody" + Keys.ENTER)
    wait(browser, lambda b: "There is no robot" in b.find_element(By.ID, "notice").text)


@needs_browser
def test_forecasts_and_error_patterns(browser: Browser, filled: World) -> None:
    size(browser, 380)
    open_page(browser, filled.url)
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".pattern"))
    found = filled.get("/ui/api/outlook.json").json()
    with psycopg.connect(filled.dsn) as connection:
        forecasts = connection.execute("select module_name from capataz.queue_forecast()").fetchall()
        patterns = connection.execute(
            "select count(*), count(*) filter (where change = 'new')"
            " from capataz.error_patterns(capataz.utc_now() - interval '24 hours')"
        ).fetchall()
    assert {row["module_name"] for row in found["forecast"]} == {name for (name,) in forecasts}
    panel = find(browser, ".forecast")
    assert f"{len(forecasts)} modules have a backlog" in panel.text
    assert len(panel.find_elements(By.CSS_SELECTOR, "li")) == len(forecasts)
    for row in panel.find_elements(By.CSS_SELECTOR, "li"):
        assert re.search(r"empty|No end in sight|no pace", row.text), row.text
        assert "critical" in (row.find_element(By.CSS_SELECTOR, ".depth").get_attribute("aria-label") or "")
    assert f"{patterns[0][1]} new" in find(browser, ".patterns").text
    assert len(found["patterns"]) == len(browser.find_elements(By.CSS_SELECTOR, ".pattern")) <= patterns[0][0]
    # a fingerprint and a robot that shows the text to those who may read it, and no text
    example = find(browser, ".pattern a[href*='robot/']").get_attribute("href")
    assert "refused" not in browser.page_source
    assert "10.1.7.23" not in json.dumps(found)
    browser.get("about:blank")
    browser.get(str(example))
    wait(browser, lambda b: "FAILED" in b.find_element(By.TAG_NAME, "main").text.upper())
    open_page(browser, filled.url, "module/MailModule")
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".pattern"))
    assert "At work at once" in find(browser, ".forecast").text
    one = filled.get("/ui/api/outlook.json?module=MailModule").json()
    assert {row["module_name"] for row in one["forecast"] + one["patterns"]} == {"MailModule"}
    assert sum(float(row["share"] or 0) for row in one["patterns"]) <= 100.5
    assert overflow(browser) <= 0


def test_what_is_to_come_is_read_once_a_minute(filled: World) -> None:
    first = filled.get("/ui/api/outlook.json").json()
    time.sleep(1.1)  # other figures would be read anew
    assert filled.get("/ui/api/outlook.json").json() == first
    assert dashboard.SOURCES["outlook"].seconds >= 50
    folder = Path(dashboard.__file__).parent / "ui"
    assert "seconds: 60" in (folder / "outlook.js").read_text()


# --- reports


@needs_browser
@pytest.mark.parametrize("width", [1280, 380])
def test_reports_are_listed_and_open(browser: Browser, reported: World, width: int) -> None:
    contrast = (Path(__file__).parent / "contrast.js").read_text()
    size(browser, width)
    assert open_page(browser, reported.url, "reports") == "Reports"
    for kind, heading in (("monthly", "December 2025"), ("weekly", "Week 3"), ("daily", "Monday, 19 January 2026")):
        open_page(browser, reported.url, "reports")
        find(browser, f'[data-reports="{kind}"]').click()
        wait(browser, lambda b, kind=kind: _kinds(b) == {kind.capitalize()})
        assert overflow(browser) <= 0
        find(browser, ".reports .list a").click()
        wait(browser, lambda b, heading=heading: heading in b.find_element(By.TAG_NAME, "h1").text)
        wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, '[data-chart="report-ended"] canvas'))
        text = find(browser, "main").text
        assert all(name in text for name in ("What to know", "Modules", "IdentityModule", "Failures by category"))
        assert ("Plan of capacity" in text) == (kind == "monthly")
        assert overflow(browser) <= 0, kind
        for dark in (True, False):
            size(browser, width, dark=dark)
            assert browser.execute_script(contrast) == [], (kind, dark)
        assert find(browser, "nav [aria-current]").text == "Reports"
        find(browser, '[data-reports=""], a[href="#/reports"]').click()
        find(browser, '[data-reports=""]').click()
    assert errors(browser) == []


def _kinds(browser: Browser) -> set[str]:
    return set(
        browser.execute_script(
            "return [...document.querySelectorAll('.reports td[data-label=Kind]')].map(e => e.textContent)"
        )
    )


@needs_browser
def test_the_report_of_today_says_that_it_is_not_final(browser: Browser, reported: World) -> None:
    size(browser, 380)
    open_page(browser, reported.url, "reports")
    find(browser, ".acts a").click()
    wait(browser, lambda b: "Tuesday, 20 January 2026" in b.find_element(By.TAG_NAME, "h1").text)
    assert "So far" in find(browser, ".verdict").text


def test_reports_can_be_taken_away(reported: World) -> None:
    for kind, day in (("daily", "2026-01-19"), ("weekly", "2026-01-14"), ("monthly", "2025-12-31")):
        asked = f"/ui/report?kind={kind}&date={day}&format="
        document = reported.get(asked + "json")
        assert document.json()["kind"] == kind
        start = document.json()["period"]["from"][:10]
        assert document.headers["content-disposition"] == f'attachment; filename="capataz-{kind}-{start}.json"'
        markdown = reported.get(asked + "md")
        assert markdown.headers["content-type"].startswith("text/markdown")
        assert markdown.text.startswith("# ")
        assert "ana.ruiz" not in markdown.text + document.text
        if kind != "monthly":
            continue  # plots take a second each
        page = reported.get(asked + "html")
        assert page.headers["content-type"].startswith("text/html")
        assert "<svg" in page.text
        assert "prefers-color-scheme: dark" in page.text
        assert not re.search(r"<script|https?://", page.text)
        assert "ana.ruiz" not in page.text


def test_reports_that_are_none_are_problems(reported: World, locked: World) -> None:
    for asked, status in (
        ("kind=yearly&date=2026-01-19", 400),
        ("kind=daily&date=yesterday", 400),
        ("kind=daily", 400),
        ("kind=daily&date=2026-01-19&format=pdf", 400),
        ("kind=daily&date=1999-01-19", 400),
        ("kind=daily&date=2020-01-19", 404),
    ):
        answer = reported.get(f"/ui/report?{asked}")
        assert answer.status_code == status, (asked, answer.text)
        assert answer.json()["reference"]
    for path in ("/ui/report", "/ui/api/report.json"):
        assert locked.get(f"{path}?kind=daily&date=2026-01-19").status_code == 401
        assert reported.get(f"{path}?kind=daily&date=2026-01-19", Sec_Fetch_Site="cross-site").status_code == 403


@needs_browser
def test_everything_can_be_reached_with_the_keyboard(browser: Browser, filled: World) -> None:
    size(browser, 1280)
    open_page(browser, filled.url)
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".heat"))
    focus = "return document.activeElement"
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    skip = browser.execute_script(focus)
    assert skip.text == "Skip to content"
    wanted = browser.execute_script(
        "return [...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).length"
    )
    assert wanted > 40
    reached = browser.execute_script(
        # in the order of the document, and none taken out of it
        "return [...document.querySelectorAll('a[href], button, input, summary, [tabindex]')]"
        ".filter(e => e.checkVisibility() && e.tabIndex > 0).length"
    )
    assert reached == 0
    for _ in range(4):
        browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.execute_script(focus).get_attribute("data-page") == "reports"
    skip.send_keys(Keys.ENTER)
    assert browser.execute_script("return document.activeElement.id") == "main"
    assert browser.execute_script("return location.hash") == "#/"
    nameless = browser.execute_script(
        "return [...document.querySelectorAll("
        "'a[href], button, input, summary, progress, [role=img], [tabindex=\"0\"]')]"
        ".filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map(e => e.outerHTML)"
    )
    assert nameless == []
    assert (
        browser.execute_script("return document.querySelectorAll('main, header, nav, footer, [role=search]').length")
        == 5
    )


@needs_browser
def test_focus_and_what_was_opened_stay_while_figures_change(browser: Browser, filled: World) -> None:
    size(browser, 1280)
    open_page(browser, filled.url)
    why = find(browser, ".why summary")
    robot = why.find_element(By.XPATH, "..").get_attribute("data-why")
    why.click()
    wait(browser, lambda b: "lease" in b.find_element(By.CSS_SELECTOR, ".why .reasons").text.lower())
    browser.execute_script("arguments[0].focus(); window.renders = 0", why)
    browser.execute_script(
        "const read = window.fetch;"
        "window.fetch = (...a) => { if (String(a[0]).includes('fleet')) window.renders += 1; return read(...a); }"
    )
    wait(browser, lambda b: b.execute_script("return window.renders") >= 2)
    assert browser.switch_to.active_element == why
    assert browser.find_element(By.CSS_SELECTOR, f'.why[data-why="{robot}"]').get_attribute("open") is not None
    chart = find(browser, '[data-chart="throughput"]')
    chart.find_element(By.TAG_NAME, "summary").click()
    wait(browser, lambda b: len(chart.find_elements(By.CSS_SELECTOR, "tbody tr")) == 60)
    assert re.search(
        r"Completed: last .* highest", chart.find_element(By.CSS_SELECTOR, ".plot").get_attribute("aria-label") or ""
    )
    find(browser, "#live").click()
    assert find(browser, "#live").get_attribute("aria-pressed") == "false"


@needs_browser
def test_all_modules_are_shown_also_while_the_page_is_paused(
    browser: Browser, nothing: World, create_database: MakeDatabase, template: str, roles: Any
) -> None:
    world = _world(create_database(template), roles, nothing.audit.parent)
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute(
            "select capataz.register_module('Module' || n, '1.0', array['WORK']) from generate_series(1, 50) as n"
        )
    with serving(world.gateway_dsn, world.viewer_dsn, world.audit) as world.url:
        size(browser, 380)
        open_page(browser, world.url)
        wait(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".board .card")) == 48)
        find(browser, "#live").click()
        find(browser, "[data-all-modules]").click()
        wait(browser, lambda b: len(b.find_elements(By.CSS_SELECTOR, ".board .card")) == 50)
        assert browser.find_elements(By.CSS_SELECTOR, "[data-all-modules]") == []
        assert find(browser, "#live").get_attribute("aria-pressed") == "false"


@needs_browser
def test_a_job_that_took_too_long_has_failed(browser: Browser, nothing: World) -> None:
    size(browser, 1280)
    with psycopg.connect(nothing.dsn, autocommit=True) as connection:
        connection.execute(
            "update capataz_ops.jobs set last_outcome = 'failed: timeout', last_error = 'it took longer than 60 s'"
            " where job_name in ('purge_history', 'score_modules')"
        )
        connection.execute("update capataz_ops.jobs set next_due_at = '2020-01-01' where job_name = 'purge_history'")
        states = dict(connection.execute("select job_name, is_late from capataz.list_jobs()").fetchall())
    assert open_page(browser, nothing.url, "jobs") == "Jobs"
    assert "2 failed last time" in find(browser, ".headline .pill").text
    rows = {row.text.split("\n")[0]: row for row in browser.find_elements(By.CSS_SELECTOR, ".jobs tbody tr")}
    for name, words in (("purge_history", "Purge history"), ("score_modules", "Score modules")):
        pills = [pill.text for pill in rows[words].find_elements(By.CSS_SELECTOR, ".pill")]
        assert pills == (["Late"] if states[name] else []) + ["Failed: timeout"]
        assert "bad" in (rows[words].find_elements(By.CSS_SELECTOR, ".pill")[-1].get_attribute("class") or "")
    assert states["purge_history"]


@needs_browser
def test_colours_can_be_chosen_and_are_remembered(browser: Browser, filled: World) -> None:
    size(browser, 1280)
    open_page(browser, filled.url)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(ground)
    for _ in range(2):
        find(browser, "#theme").click()
    assert browser.execute_script(ground) != light
    open_page(browser, filled.url, "jobs")
    assert browser.execute_script(ground) != light
    find(browser, "#theme").click()
    assert browser.execute_script(ground) == light


@needs_browser
def test_with_a_key_a_robot_is_cancelled_after_a_question(browser: Browser, filled: World) -> None:
    size(browser, 380)
    with psycopg.connect(filled.dsn, autocommit=True) as connection:
        robot = connection.execute(
            "select robot_id from capataz.submit_robot('KYC_CHECK', '{}', 'IdentityModule')"
        ).fetchall()[0][0]
        keys = [
            connection.execute("select capataz.issue_api_key('IdentityModule', 'ui', array[%s])", [scope]).fetchall()[
                0
            ][0]
            for scope in ("read", "admin")
        ]
        open_page(browser, filled.url, f"robot/{robot}")
        assert not browser.find_elements(By.CSS_SELECTOR, "[data-act]")
        find(browser, "#key").click()
        for key, said in (("nonsense", "no API key"), (keys[0], "scope")):
            find(browser, "#key-text").clear()
            find(browser, "#key-text").send_keys(key + Keys.ENTER)
            wait(browser, lambda b, said=said: said in b.find_element(By.ID, "key-message").text)
        find(browser, "#key-text").clear()
        find(browser, "#key-text").send_keys(keys[1] + Keys.ENTER)
        find(browser, "[data-act=cancel]").click()
        assert "Cancel robot?" in find(browser, "dialog").text
        find(browser, "dialog [data-close]").click()
        status = "select status from capataz.robots where robot_id = %s"
        assert connection.execute(status, [robot]).fetchall() == [("PENDING",)]
        find(browser, "[data-act=cancel]").click()
        find(browser, "#reason").send_keys("not wanted" + Keys.ENTER)
        wait(browser, lambda b: "done" in b.find_element(By.ID, "notice").text)
        assert connection.execute(status, [robot]).fetchall() == [("FAILED",)]
        find(browser, "[data-act=retry]").click()
        find(browser, "dialog [type=submit]").click()
        find(browser, "[data-act=cancel]")
        assert connection.execute(status, [robot]).fetchall() == [("PENDING",)]
        assert keys[1] not in browser.page_source
        assert (
            browser.execute_script(
                "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
            ).find("cpz_")
            == -1
        )
        browser.refresh()
        find(browser, "main h1")
        assert not browser.find_elements(By.CSS_SELECTOR, "[data-act]")  # a reload forgets it


@needs_browser
def test_signing_in_and_out(browser: Browser, locked: World) -> None:
    size(browser, 380)
    browser.delete_all_cookies()
    browser.get(locked.url)
    find(browser, "#password").send_keys("wrong wrong" + Keys.ENTER)
    wait(browser, lambda b: "The password is wrong." in b.find_element(By.ID, "message").text)
    find(browser, "#password").send_keys(PASSWORD + Keys.ENTER)
    find(browser, ".headline")
    (cookie,) = browser.get_cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    find(browser, "#sign-out button").click()
    find(browser, "#password")
    assert browser.get_cookies() == []


@needs_browser
def test_100_000_robots(browser: Browser, many: World, nothing: World) -> None:
    """Under a second, or where the machine is slow not much slower than with no robot at all."""
    size(browser, 380)
    open_page(browser, many.url)
    assert "50 of 5,000" in find(browser, ".running").text
    wait(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".pattern"))
    assert errors(browser) == []
    assert overflow(browser) <= 0
    assert open_page(browser, many.url, "batch/many") == "many"
    assert len(browser.find_elements(By.CSS_SELECTOR, ".list tbody tr")) == 100
    with_none = _seconds(nothing, "fleet", 0)
    for name, limit in (("fleet", 1.0), ("module", 0.5), ("module-trends", 0.5), ("outlook", 0.5)):
        best = min(_seconds(many, name, number) for number in range(3))
        assert best < max(limit, 20 * with_none), (name, best, with_none)


def _seconds(world: World, name: str, number: int) -> float:
    if name == "fleet":
        time.sleep(1.01)  # what was asked a moment ago is not asked again
    began = time.monotonic()
    asked = "" if name == "fleet" else f"?module=Module0{number}"
    assert world.get(f"/ui/api/{name}.json{asked}").status_code == 200
    return time.monotonic() - began


# --- who may see it ---------------------------------------------------------------------------------------------


def test_without_a_password_only_this_machine_sees_it(filled: World) -> None:
    for path in ("/", "/ui/api/fleet.json", "/ui/app.js"):
        assert filled.get(path).status_code == 200
        for headers in (
            {"Host": "capataz.example"},
            {"Host": "127.0.0.1.example:80"},
            {"X_Forwarded_For": "127.0.0.1"},  # a proxy that nobody vouches for
            {"Forwarded": "for=127.0.0.1"},
            {"X_Real_IP": "127.0.0.1"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Origin": "https://elsewhere.example"},
        ):
            if path == "/" and "Sec_Fetch_Site" in headers:
                headers = {**headers, "Sec_Fetch_Mode": "cors"}
            answer = filled.get(path, **headers)
            assert answer.status_code == 403, (path, headers)
            assert "access-control-allow-origin" not in answer.headers
    assert "CAPATAZ_DASHBOARD_PASSWORD" in filled.get("/", X_Forwarded_For="203.0.113.9").text
    assert "access-control-allow-origin" not in filled.get("/ui/api/fleet.json", Origin=filled.url).headers


def test_without_a_password_a_trusted_proxy_has_to_say_who_asks(nothing: World) -> None:
    proxied = replace(nothing)
    options = ("--trusted-proxy", "127.0.0.1")
    with serving(proxied.gateway_dsn, proxied.viewer_dsn, proxied.audit, *options) as proxied.url:
        # it is the visitor's address that counts
        for forwarded in ("::1", "127.0.0.1", "127.0.0.1:41234", "[::1]:41234", "203.0.113.9, 127.0.0.7"):
            assert proxied.get("/ui/api/jobs.json", X_Forwarded_For=forwarded).status_code == 200, forwarded
        for forwarded in (
            *("203.0.113.9", "127.0.0.1, 203.0.113.9", "203.0.113.9:41234", "[2001:db8::1]:41234"),
            *("unknown", "127.0.0.1, unknown", "", "_hidden", "localhost"),
        ):
            assert proxied.get("/ui/api/jobs.json", X_Forwarded_For=forwarded).status_code == 403, forwarded
        # and where it does not say, it may be anybody
        for headers in ({}, {"X_Real_IP": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": "1.1 proxy"}):
            assert proxied.get("/ui/api/jobs.json", **headers).status_code == 403, headers
        assert "X-Forwarded-For" in proxied.get("/").text
    # a proxy beside the one that is trusted
    options = ("--trusted-proxy", "192.0.2.1")
    with serving(proxied.gateway_dsn, proxied.viewer_dsn, proxied.audit, *options) as proxied.url:
        assert proxied.get("/ui/api/jobs.json").status_code == 200
        assert proxied.get("/ui/api/jobs.json", X_Forwarded_For="127.0.0.1").status_code == 403


def test_with_a_password_nothing_is_shown_without_it(locked: World) -> None:
    assert locked.get("/").headers["location"] == "ui/sign-in"
    for name in dashboard.SOURCES:
        assert locked.get(f"/ui/api/{name}.json?id=x&q=x&module=x").status_code == 401
    assert locked.get("/ui/api/fleet.json", Host="capataz.example").status_code == 401  # any name will do
    with httpx.Client(base_url=locked.url, timeout=PATIENCE) as client:
        assert client.post("/ui/sign-in", data={"password": "wrong wrong"}).status_code == 401
        assert (
            client.post(
                "/ui/sign-in", data={"password": PASSWORD}, headers={"Origin": "https://else.example"}
            ).status_code
            == 403
        )
        answer = client.post("/ui/sign-in", data={"password": PASSWORD})
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert "Secure" not in cookie
        for _ in range(6):  # whichever of the two processes answers
            assert client.get("/ui/api/jobs.json").status_code == 200
        token = client.cookies[dashboard.COOKIE]
        expires, nonce, signature = token.split(".")
        client.cookies.clear()
        for forged in (
            f"{int(expires) + 1}.{nonce}.{signature}",
            f"{expires}.{nonce}.",
            "..",
            f"{expires}.x.{signature}",
            "é.é.é",
        ):
            got = httpx.get(
                f"{locked.url}/ui/api/jobs.json", headers={"Cookie": f"{dashboard.COOKIE}={forged}".encode()}
            )
            assert got.status_code == 401, forged
        secure = client.post("/ui/sign-in", data={"password": PASSWORD}, headers={"X-Forwarded-Proto": "https"})
        assert "Secure" in secure.headers["set-cookie"]
    lines = [json.loads(line) for line in locked.audit.read_text().splitlines()]
    assert {(line["outcome"], line["status"]) for line in lines if line.get("function") == "sign-in"} >= {
        ("ok", 303),
        ("refused", 401),
    }
    assert PASSWORD not in locked.audit.read_text()


def test_signing_out_ends_the_session_in_all_processes(locked: World) -> None:
    def is_let_in(token: str) -> bool:
        answers = {
            locked.get("/ui/api/jobs.json", Cookie=f"{dashboard.COOKIE}={token}").status_code
            for _ in range(8)  # whichever of the two processes answers
        }
        assert len(answers) == 1
        return answers == {200}

    with httpx.Client(base_url=locked.url, timeout=PATIENCE) as client:
        tokens = []
        for _ in range(2):
            client.post("/ui/sign-in", data={"password": PASSWORD})
            tokens.append(client.cookies[dashboard.COOKIE])
        assert [is_let_in(token) for token in tokens] == [True, True]
        client.post("/ui/sign-out")
        assert client.cookies.get(dashboard.COOKIE) is None
        assert [is_let_in(token) for token in tokens] == [True, False]
        assert client.post("/ui/sign-out").status_code == 303  # again, and without a session


def _asking(cookie: str) -> Any:
    return dashboard.Request({"type": "http", "headers": [(b"cookie", f"{dashboard.COOKIE}={cookie}".encode())]})


def test_wrong_passwords_are_slowed_down_by_address_and_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    door = dashboard.Door(dashboard.DashboardSettings("", PASSWORD))
    assert [door.sign_in("wrong", "192.0.2.1") for _ in range(dashboard.FAILURES)] == [None] * dashboard.FAILURES
    with pytest.raises(dashboard.Problem) as refused:
        door.sign_in(PASSWORD, "192.0.2.1")
    assert refused.value.status == 429
    for other in ("192.0.2.2", "2001:db8::1", None):
        assert door.sign_in(PASSWORD, other) is not None
    # whoever has an address of IPv6 has 2^64 of them
    assert [door.sign_in("wrong", f"2001:db8::{n}") for n in range(dashboard.FAILURES)] == [None] * dashboard.FAILURES
    with pytest.raises(dashboard.Problem):
        door.sign_in(PASSWORD, "2001:db8::abcd")
    assert door.sign_in(PASSWORD, "2001:db8:0:1::1") is not None
    # of a socket that serves both, IPv4 in IPv6 is no network of one visitor
    assert [door.sign_in("wrong", "::ffff:198.51.100.1") for _ in range(dashboard.FAILURES)] == [
        None
    ] * dashboard.FAILURES
    with pytest.raises(dashboard.Problem):
        door.sign_in(PASSWORD, "::ffff:198.51.100.1")
    with pytest.raises(dashboard.Problem):
        door.sign_in(PASSWORD, "198.51.100.1")
    assert door.sign_in(PASSWORD, "::ffff:198.51.100.2") is not None
    soon = time.monotonic() + 61
    monkeypatch.setattr(dashboard.time, "monotonic", lambda: soon)
    token = door.sign_in(PASSWORD, "192.0.2.1")
    assert token is not None
    assert door.is_open_for(_asking(token))
    late = time.time() + dashboard.SESSION_SECONDS + 1
    monkeypatch.setattr(dashboard.time, "time", lambda: late)
    assert not door.is_open_for(_asking(token))
    with pytest.raises(ValueError, match="8 characters"):
        dashboard.DashboardSettings("", "short")


def test_what_is_kept_of_strangers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "ADDRESSES", 20)
    door = dashboard.Door(dashboard.DashboardSettings("", PASSWORD))
    for number in range(100):
        assert door.sign_in("wrong", f"192.0.2.{number}") is None
    assert len(door._failures) == 20


def test_of_many_that_signed_out_none_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "SIGNED_OUT", 3)
    began = int(time.time())
    door = dashboard.Door(dashboard.DashboardSettings("", PASSWORD))
    tokens = []
    for second in range(6):
        monkeypatch.setattr(dashboard.time, "time", lambda now=began + second: now)
        token = door.sign_in(PASSWORD, None)
        assert token is not None
        tokens.append(token)
    for token in (*tokens[:5], tokens[0], tokens[4]):
        door.sign_out(_asking(token))
    assert [door.is_open_for(_asking(token)) for token in tokens] == [False] * 5 + [True]
    forged = tokens[5][:-1] + ("0" if tokens[5][-1] != "0" else "1")
    door.sign_out(_asking(forged))
    assert door.is_open_for(_asking(tokens[5]))


@pytest.mark.parametrize(
    ("group", "said"),
    [("admin", "a member of capataz_admin"), ("gateway", "neither capataz_viewer"), ("", "a superuser")],
)
def test_roles_that_are_too_much_or_too_little_are_refused(
    filled: World, roles: Callable[[str], str], group: str, said: str
) -> None:
    dsn = make_conninfo(filled.dsn, user=roles(group)) if group else filled.dsn
    with pytest.raises(Forbidden, match=said):
        asyncio.run(dashboard.check_role(dsn))


def test_it_reads_and_nothing_else(filled: World) -> None:
    async def write() -> None:
        reader = dashboard.Reader(dashboard.DashboardSettings(filled.dsn))  # a superuser's
        await reader.open()
        try:
            await reader.read("x", dashboard.Source((("x", "select capataz.retry_robot('nobody')"),)), {})
        finally:
            await reader.close()

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        asyncio.run(write())


def test_payload_is_masked_and_looking_at_it_is_audited(filled: World) -> None:
    assert filled.fleet is not None
    robot = filled.fleet.robots["tried"]
    shown = filled.get(f"/ui/api/payload.json?id={robot}").text
    assert "ana.ruiz@example.com" not in shown
    assert "4111 1111 1111 1111" not in shown
    assert "***" in shown
    lines = [json.loads(line) for line in filled.audit.read_text().splitlines()]
    assert [line["robot_id"] for line in lines if line.get("function") == "robot_data"][-1:] == [robot]
    assert not [line for line in lines if line.get("path", "").startswith("/ui/api/fleet") and line["outcome"] == "ok"]


def test_bad_requests_are_problems(filled: World) -> None:
    for path, status in (
        ("/ui/api/robot.json", 400),
        ("/ui/api/robot.json?id=%00", 400),
        ("/ui/api/robot.json?id=" + "x" * 300, 400),
        ("/ui/api/robot.json?id=nobody", 404),
        ("/ui/api/nothing.json", 404),
        ("/ui/../gateway/app.py", 404),
        ("/ui/vendor/uPlot.LICENSE", 404),
    ):
        answer = filled.get(path)
        assert answer.status_code == status, path
        assert answer.json()["reference"]


# --- what is delivered ------------------------------------------------------------------------------------------


def test_pages_run_no_script_but_their_own(filled: World) -> None:
    answer = filled.get("/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    folder = Path(dashboard.__file__).parent / "ui"
    for page in folder.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|https?://", text), page
    delivered = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".js", ".css", ".svg")
    }
    assert delivered == set(dashboard._FILES)
    first = filled.get("/ui/app.js")
    assert filled.get("/ui/app.js", If_None_Match=first.headers["etag"]).status_code == 304


def test_the_chart_library_is_the_one_of_its_package() -> None:
    notice = (ROOT / "docs" / "NOTICE").read_text()
    folder = Path(dashboard.__file__).parent / "ui" / "vendor"
    for path in folder.iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() in notice, path
