"""Serve the EHR double: `python -m conformance.ehr`. Exit 2 when it is misconfigured."""

from __future__ import annotations

import sys

from conformance.ehr.book import BadBook
from conformance.ehr.server import serve
from conformance.ehr.settings import Misconfigured, Settings


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    try:
        serve(Settings.from_env())
    except (Misconfigured, BadBook) as error:
        print(f"EHR double: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
