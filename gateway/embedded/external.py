"""The app's login at an external PostgreSQL, where the deployment gave none: made as `roles.sql` says.

Its password is kept in `$PDMP_HOME/run/app-login.json` (0600), so that every command of this home uses it.
"""

from __future__ import annotations

import json
import secrets

import psycopg
from psycopg.conninfo import make_conninfo

from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings
from gateway.embedded.place import make_home, private_folder, write_private
from gateway.embedded.postgres import provide_app


def app_login(settings: Settings, owner_url: str) -> str:
    """Return the connection string of the app's own login, made by the login of `owner_url`.

    Raises Misconfigured where that may not make one, Unavailable without a database.
    """
    make_home(settings.home)
    private_folder(settings.home / "run")
    kept = settings.home / "run" / "app-login.json"
    try:
        password = str(json.loads(kept.read_bytes())["password"])
    except (OSError, ValueError, KeyError):
        password = secrets.token_urlsafe(24)
    try:
        with psycopg.connect(
            owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor, connect_timeout=10
        ) as connection:
            provide_app(connection, password)
    except psycopg.errors.InsufficientPrivilege:
        raise Misconfigured(
            "The database login may not create the app's role: set PDMP_APP_DATABASE_URL "
            "(the README has the SQL)."
        ) from None
    except psycopg.OperationalError as error:
        raise Unavailable("The database does not answer.", detail=type(error).__name__) from error
    write_private(kept, json.dumps({"password": password}).encode())
    return make_conninfo(owner_url, user="smart_app", password=password)
