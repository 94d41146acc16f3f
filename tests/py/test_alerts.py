"""The alert rules, by Prometheus' own tool: they parse, and fire when they should and only then."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ALERTS = Path(__file__).parents[2] / "ops" / "alerts"

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing: ops/deps installs it from Debian")


def promtool(*arguments: str) -> str:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], cwd=ALERTS, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_the_rules_parse() -> None:
    assert "SUCCESS: 13 rules found" in promtool("check", "rules", "capataz.rules.yml")


@needs_promtool
def test_the_rules_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "capataz.rules.test.yml")


def test_each_rule_is_tested() -> None:
    rules = (ALERTS / "capataz.rules.yml").read_text().split("- alert: ")[1:]
    tests = (ALERTS / "capataz.rules.test.yml").read_text()
    for rule in rules:
        name = rule.split("\n", 1)[0]
        assert tests.count(f"alertname: {name}") >= 2, f"{name} is tested to fire and to be silent"
        for part in ("severity:", "summary:", "description:"):
            assert part in rule, name
