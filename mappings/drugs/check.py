"""Check the mapping tables as the gateway does at start: `python mappings/drugs/check.py [FOLDER]`.

Loads them for each jurisdiction and prints what is wrong: holes and contradictions of the drug table, factors
of substances that nobody knows, classes without a lane. Exit status 0: nothing; 1: something.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.core.errors import Misconfigured
from gateway.mapping.tables import Mappings


def main() -> int:
    """Return the exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    codes = sorted(path.stem.upper() for path in (folder / "jurisdictions").glob("*.toml"))
    wrong = [] if codes else [f"There is no jurisdiction in {folder}."]
    for code in codes:
        try:
            tables = Mappings.load(folder, jurisdiction=code, identifier_base="https://pdmp.example")
        except Misconfigured as error:
            wrong.append(f"{code}: {error.public}")
        else:
            sys.stdout.write(f"{code}: {len(tables.drugs)} drugs, {tables.mme.name}\n")
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
