"""`python -m conformance run --base-url URL --suite cds-hooks --config FILE`: is it what it says it is?

Exit codes: 0 when every tested SHALL holds, 1 when one does not, 2 when the call itself is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from conformance.run import requirements, runner
from conformance.run.exchanges import BadAddress, Exchanges
from conformance.suites import cds_hooks
from conformance.suites.cds_hooks.session import BadConfig, HookSession, new_key

_SUITES = {"cds-hooks": cds_hooks}


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code."""
    options = _parser().parse_args(arguments)
    if options.verb == "key":
        print(json.dumps(new_key()))
        return 0
    suite = _SUITES[options.suite]
    try:
        http = Exchanges(options.base_url, allow_http=options.allow_http)
        session = HookSession.of(http, json.loads(options.config.read_text(encoding="utf-8")))
    except (BadAddress, BadConfig, OSError, ValueError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    listed = requirements.load(options.suite, suite.TESTS)
    results = runner.run(suite.TESTS, session)
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
    verbs.add_parser("key", help="print a new private key (ES384) as JWK")
    return parser


if __name__ == "__main__":
    sys.exit(main())
