"""Write `gateway/store/schema.sql`: what all migrations together make, as `pg_dump` tells it.

Run by `make schema` after a new migration; a test holds the two against each other.
"""

from __future__ import annotations

import re
import subprocess
import uuid
from pathlib import Path

from gateway.embedded import binaries
from tests.support.databases import fresh_database, run_servers

SCHEMA = Path(__file__).resolve().parents[2] / "gateway" / "store" / "schema.sql"
HEADER = """\
-- The schema that all migrations together make. Written by `make schema`; read it, do not edit it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pdmp_gateway') THEN
        CREATE ROLE pdmp_gateway NOLOGIN;
    END IF;
END
$$;
"""


def dump(url: str) -> str:
    """Return the schema `pdmp` of the database at `url`, without settings, owners and comments."""
    installation = binaries.find_binaries(postgres=True, valkey=False).postgres
    assert installation
    command = [str(installation / "bin" / "pg_dump"), "--schema=pdmp", "--schema-only", "--no-owner", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [
        line
        for line in text.splitlines()
        if not re.match(r"^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict )", line)
    ]
    body = "\n".join(lines).replace("CREATE SCHEMA pdmp;", "CREATE SCHEMA IF NOT EXISTS pdmp;")
    return HEADER + re.sub(r"\n{3,}", "\n\n", body).rstrip() + "\n"


def main() -> None:
    """Write the file."""
    with run_servers(uuid.uuid4().hex[:12]) as urls, fresh_database(urls) as database:
        SCHEMA.write_text(dump(database.owner_url))


if __name__ == "__main__":
    main()
