"""Makes docs/screenshots/*.png anew: ``make screenshots``.

``CAPATAZ_DSN``: a superuser's URL of a deployed database. Where it is empty it is filled with a day of invented work
first (tests/py/dashboards.py), whose clock then stands still, so that the pictures agree.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from PIL import Image
from psycopg import sql
from psycopg.conninfo import make_conninfo
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "py"))
from dashboards import fill, serving  # noqa: E402

FOLDER = ROOT / "docs" / "screenshots"
ROLES = {"capataz_shots_gateway": "capataz_gateway", "capataz_shots_viewer": "capataz_viewer"}

# name, page, width, height, dark
PICTURES = (
    ("fleet", "", 1360, 1250, False),
    ("fleet-dark", "", 1360, 1250, True),
    ("module", "module/IdentityModule", 1360, 1000, False),
    ("outlook", "", 1360, 640, False),
    ("report", "report/daily:{yesterday}", 1360, 1250, False),
    ("robot", "robot/{tried}", 1360, 1060, False),
    ("batch-dark", "batch/nightly-translations", 1360, 760, True),
    ("jobs", "jobs", 1360, 900, False),
    ("fleet-mobile", "", 380, 1250, False),
    ("module-mobile-dark", "module/MailModule", 380, 1250, True),
    ("report-mobile-dark", "report/daily:{yesterday}", 380, 1250, True),
)
SCROLLED = {"outlook": ".forecast"}  # pictures that begin with this part of the page


def reduce(picture: Image.Image) -> Image.Image:
    """The picture in 256 colours, a third of the bytes: most are its own and stay as they are, the rest are near."""
    found = sorted(picture.getcolors(1 << 24) or [], reverse=True)
    own = [part for _, colour in found[:190] for part in colour]
    others = (picture.quantize(256 - len(own) // 3, Image.Quantize.MAXCOVERAGE).getpalette() or [])[: 768 - len(own)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(own + others)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def shoot(url: str, **ids: str) -> None:
    """All pictures."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-sandbox"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    for name, page, width, height, dark in PICTURES:
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get("about:blank")
        browser.get(f"{url}/#/{page.format(**ids)}")
        time.sleep(4)
        if name in SCROLLED:
            browser.execute_script("document.querySelector(arguments[0]).scrollIntoView()", SCROLLED[name])
            time.sleep(0.5)
        path = FOLDER / f"{name}.png"
        browser.save_screenshot(str(path))
        with Image.open(path) as picture:
            reduce(picture.convert("RGB")).save(path, optimize=True)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")
    browser.quit()


def main() -> None:
    """Fill where it is empty, serve, shoot."""
    dsn = os.environ["CAPATAZ_DSN"]
    FOLDER.mkdir(exist_ok=True)
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute("select from capataz.robots limit 1").fetchone() is None:
            fill(dsn, goes_on=False)
        found = connection.execute(
            "select robot_id, (capataz.utc_now() - interval '1 day')::date::text from capataz.robots"
            " where correlation_id = 'onboarding-4711'"
        ).fetchone()
        assert found is not None
        for role, group in ROLES.items():
            connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))
            connection.execute(
                sql.SQL("create role {} login in role {}").format(sql.Identifier(role), sql.Identifier(group))
            )
        gateway, viewer = (make_conninfo(dsn, user=role) for role in ROLES)
        with tempfile.TemporaryDirectory() as folder, serving(gateway, viewer, Path(folder) / "audit") as url:
            shoot(url, tried=str(found[0]), yesterday=str(found[1]))
        for role in ROLES:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


if __name__ == "__main__":
    main()
