"""`python -m conformance run --base-url URL --suite SUITE --config FILE`: is it what it says it is?

Exit codes: 0 when every tested SHALL holds, 1 when one does not, 2 when the call itself is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.run import requirements, runner
from conformance.run.exchanges import BadAddress, Exchanges
from conformance.run.outcomes import Test
from conformance.suites import cds_hooks, smart
from conformance.suites.cds_hooks import session as hooks
from conformance.suites.smart import client as apps
from conformance.suites.smart.session import SmartSession


@dataclass(frozen=True, slots=True)
class _Suite:
    tests: tuple[Test, ...]
    requirements: str
    session: Callable[[Exchanges, dict[str, Any]], runner.Session]


_SUITES = {
    "cds-hooks": _Suite(cds_hooks.TESTS, "cds-hooks", hooks.HookSession.of),
    "smart-stu2.2": _Suite(smart.TESTS, "smart-app-launch", SmartSession.of),
}


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)
    if options.verb == "key":
        print(json.dumps(hooks.new_key() if options.algorithm == "ES384" else apps.new_rsa_key()))
        return 0
    suite = _SUITES[options.suite]
    try:
        http = Exchanges(options.base_url, allow_http=options.allow_http)
        session = suite.session(http, json.loads(options.config.read_text(encoding="utf-8")))
    except (BadAddress, hooks.BadConfig, apps.BadConfig, OSError, ValueError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    listed = requirements.load(suite.requirements, suite.tests)
    results = runner.run(suite.tests, session)
    print("\n".join(runner.lines(listed, results)))
    if options.report:
        text = runner.report(options.suite, options.base_url, listed, results)
        options.report.write_text(text + "\n", encoding="utf-8")
    return 1 if requirements.unproved(listed, results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance", description="Black-box conformance.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run a suite against a server")
    run.add_argument("--base-url", required=True, help="of the server, without a slash at its end")
    run.add_argument("--suite", required=True, choices=sorted(_SUITES))
    run.add_argument("--config", required=True, type=Path, help="what the suite knows of the server (JSON)")
    run.add_argument("--allow-http", action="store_true", help="http, on loopback only")
    run.add_argument("--report", type=Path, help="write results and evidence as JSON")
    key = verbs.add_parser("key", help="print a new private key as JWK")
    key.add_argument("--algorithm", choices=("ES384", "RS384"), default="ES384")
    return parser


if __name__ == "__main__":
    sys.exit(main())
