"""Commands about deploying, for the command line ``capataz`` and for ``python -m capataz._cli_deploy`` in the Makefile.

The functions return plain data, so that the command line can print it as a table or as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from . import deploy


def migrate_command(dsn: str, *, jobs: bool = True, quiet: bool = False) -> dict[str, Any]:
    """Deploys and returns the report as a JSON-ready dictionary; progress goes to standard error.

    Raises:
        deploy.DeployError: refused or failed.
    """

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    return dataclasses.asdict(deploy.migrate(dsn, jobs=jobs, progress=None if quiet else tell))


def summary(report: dict[str, Any]) -> str:
    """One sentence about a report of :func:`migrate_command`."""
    applied = report["applied"]
    migrations = f"{len(applied)} migration{'' if len(applied) == 1 else 's'}" if applied else "no new migration"
    replaced = len(report["triggers_replaced"])
    return (
        f"Capataz {report['version']} deployed to {report['database']} (PostgreSQL {report['server_version']}, "
        f"pg_cron {'present' if report['pg_cron'] else 'absent'}): {migrations}, {report['code_files']} files of code, "
        f"{replaced} of {replaced + report['triggers_unchanged']} triggers replaced, {len(report['jobs'])} jobs, "
        f"{report['duration_s']:.2f} s"
    )


def main(argv: list[str] | None = None) -> int:
    """Entry point of ``python -m capataz._cli_deploy {migrate,dist,freeze}``; returns the exit code."""
    parser = argparse.ArgumentParser(prog="capataz-deploy", description="Deploys the SQL of Capataz.")
    commands = parser.add_subparsers(dest="command", required=True)
    migrate = commands.add_parser("migrate", help="bring a database to this package's schema and code")
    migrate.add_argument("--dsn", default=os.environ.get("CAPATAZ_DSN", ""), help="default: CAPATAZ_DSN, then PG*")
    migrate.add_argument("--no-jobs", action="store_true", help="define no scheduled jobs")
    migrate.add_argument("--quiet", action="store_true", help="print the summary only")
    dist = commands.add_parser("dist", help="write the one-file distribution")
    dist.add_argument("directory", nargs="?", default="dist", type=Path)
    commands.add_parser("freeze", help="record the hash of every new migration as released")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "migrate":
            report = migrate_command(arguments.dsn, jobs=not arguments.no_jobs, quiet=arguments.quiet)
            for warning in report["warnings"]:
                print(f"warning: {warning}", file=sys.stderr)
            print(summary(report), file=sys.stderr)
        elif arguments.command == "dist":
            print(deploy.write_dist(arguments.directory))
        else:
            added = deploy.freeze()
            print("\n".join(f"frozen: {name}" for name in added) or "nothing new to freeze")
    except deploy.DeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
