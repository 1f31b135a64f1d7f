"""Who gets at the embedded servers: nobody without a password, nobody over TCP, no loosened folder."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from pathlib import Path

import psycopg
import pytest
import redis

from gateway.embedded import place
from tests.embedded.conftest import owner, servers_in, settings_of
from tests.support.databases import remove_home

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_a_connection_without_password_is_refused(home: Path) -> None:
    with owner(home) as running:
        socket_folder = home / "servers" / "sockets"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(socket_folder), user="postgres", dbname="postgres").close()
        with (
            redis.Redis(unix_socket_path=str(socket_folder / "valkey.sock")) as cache,
            pytest.raises(redis.AuthenticationError),
        ):
            cache.get("key")
        assert psycopg.connect(running.database).close() is None


def test_sockets_lie_in_a_folder_that_only_the_servers_user_enters(home: Path) -> None:
    with owner(home):
        folder = home / "servers" / "sockets"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for socket in folder.iterdir():
            assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0, socket.name
        for data in ("postgres", "valkey"):
            assert stat.S_IMODE((home / "servers" / data).stat().st_mode) == 0o700


def test_nothing_listens_on_tcp(home: Path) -> None:
    with owner(home) as running:
        inodes = set()
        for pid in [*running.children.values(), *servers_in(home)]:
            for handle in os.scandir(f"/proc/{pid}/fd"):
                target = os.readlink(handle.path)
                if target.startswith("socket:"):
                    inodes.add(target[len("socket:[") : -1])
        listening = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    listening.add(fields[9])
        assert inodes
        assert not inodes & listening


def test_passwords_and_urls_lie_in_private_files_and_in_no_argument_list(home: Path) -> None:
    with owner(home) as running:
        password = psycopg.conninfo.conninfo_to_dict(running.database)["password"]
        for pid in servers_in(home):
            assert str(password).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        for file in [*(home / "run").iterdir(), home / "servers" / "passwords.json"]:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
        assert "password" not in repr(settings_of(home))


def test_the_apps_cache_user_reaches_only_its_own_keys(home: Path) -> None:
    import json

    with owner(home) as running:
        url = json.loads((home / "run" / "app.json").read_text())["redis_url"]
        with redis.Redis.from_url(url) as app, redis.Redis.from_url(running.cache) as gateway:
            gateway.set("jwks", "1")
            app.set("app:launch", "2")
            with pytest.raises(redis.exceptions.NoPermissionError):
                app.get("jwks")
            with pytest.raises(redis.exceptions.NoPermissionError):
                app.scan()
            with pytest.raises(redis.exceptions.NoPermissionError):
                gateway.config_get("dir")


def test_errors_of_statements_are_not_logged(home: Path) -> None:
    with owner(home) as running, psycopg.connect(running.database, autocommit=True) as connection:
        for statement in ("SELECT 'Rosalind'::date", "SELECT * FROM rosalind", "SELECT rosalind("):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())
    assert "osalind" not in (home / "servers" / "postgres.log").read_text()


@as_root
def test_as_root_the_servers_run_as_their_own_user_without_groups_of_root(home: Path) -> None:
    with owner(home):
        account = pwd.getpwnam("pdmp")
        pids = servers_in(home)
        assert len(pids) > 2
        for pid in pids:
            status = dict(
                line.split(":\t", 1)
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in line
            )
            assert set(status["Uid"].split()) == {str(account.pw_uid)}
            assert set(status["Gid"].split()) == {str(account.pw_gid)}
            assert set(status["Groups"].split()) <= {str(account.pw_gid)}
        assert account.pw_name != "nobody"
        assert account.pw_uid != 0


@as_root
def test_a_home_under_a_private_folder_keeps_that_folder_private_and_data_elsewhere(home: Path) -> None:
    private = home.parent
    private.chmod(0o700)
    with owner(home) as running:
        elsewhere = place.SYSTEM_STATE / place._hash(home)
        assert running.notice
        assert str(elsewhere) in running.notice
        assert (elsewhere / "postgres" / "PG_VERSION").exists()
        assert list(elsewhere.glob("binaries-*"))
        assert not (home / "servers").exists()
        with psycopg.connect(running.database, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    with owner(home) as again, psycopg.connect(again.database) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@as_root
def test_a_home_that_was_removed_and_made_anew_starts_empty(home: Path) -> None:
    home.parent.chmod(0o700)
    with owner(home) as first, psycopg.connect(first.database, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept ()")
    shutil.rmtree(home)
    with owner(home) as second:
        assert second.notice
        aside = Path(second.notice.rpartition(": ")[2])
        try:
            assert "set aside" in second.notice
            assert (aside / "postgres" / "PG_VERSION").exists()
            with psycopg.connect(second.database) as connection:
                assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
        finally:
            shutil.rmtree(aside)
    with owner(home) as third:
        assert third.notice
        assert "set aside" not in third.notice


def test_a_long_home_gets_sockets_in_a_short_private_folder(home: Path) -> None:
    deep = home.joinpath(*["a-folder-with-a-rather-long-name"] * 4)
    deep.parent.mkdir(parents=True, mode=0o711)
    if os.geteuid() == 0:
        for folder in [home, *deep.parents]:
            if folder.is_relative_to(home):
                folder.chmod(0o711)
    found = place.find_place(deep, [])
    try:
        assert len(str(found.sockets)) < 80
        assert stat.S_IMODE(found.sockets.stat().st_mode) == 0o700
        with owner(deep) as running, psycopg.connect(running.database) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        found.sockets.rmdir()


def test_a_home_with_spaces_commas_and_accents_is_served(home: Path) -> None:
    odd = home.with_name("Élise's home, with space")
    try:
        with owner(odd) as running, psycopg.connect(running.database) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            with redis.Redis.from_url(running.cache) as cache:
                assert cache.ping()
    finally:
        sockets = place.find_place(odd, []).sockets
        remove_home(odd)
        if sockets.is_dir():
            sockets.rmdir()


def test_somebody_elses_folder_in_the_sockets_place_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from gateway.core.errors import Misconfigured

    deep = home.joinpath(*["a-folder-with-a-rather-long-name"] * 4)
    monkeypatch.setattr(place, "SYSTEM_STATE", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path) if len(str(tmp_path)) < 60 else None)
    squatted = place.find_place(deep, []).sockets
    squatted.chmod(0o777)
    with pytest.raises(Misconfigured, match="not a private folder"):
        place.find_place(deep, [])
    squatted.rmdir()
