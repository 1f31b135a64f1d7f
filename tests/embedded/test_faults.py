"""What goes wrong with servers on a real machine, and that the next start goes on by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from gateway.embedded.binaries import find_binaries
from tests.embedded.conftest import eventually, owner, read_owner, servers_in, spawn


def _keep(database: str, cache: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) AS n")
    with redis.Redis.from_url(cache) as client:
        client.set("kept", "yes")


def _assert_kept(database: str, cache: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
    with redis.Redis.from_url(cache) as client:
        assert client.get("kept") == b"yes"


def _stopped_home(home: Path) -> None:
    with owner(home) as running:
        _keep(running.database, running.cache)


def test_data_outlive_a_clean_stop(home: Path) -> None:
    _stopped_home(home)
    assert servers_in(home) == []
    with owner(home) as again:
        _assert_kept(again.database, again.cache)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_owner_stops_both_servers(home: Path, number: signal.Signals) -> None:
    with owner(home) as running:
        running.process.send_signal(number)
        running.process.wait(30)
        assert servers_in(home) == []
        assert not (home / "run" / "servers.json").exists()


def test_kill_of_the_owner_leaves_no_servers_and_no_obstacle(home: Path) -> None:
    with owner(home) as running:
        _keep(running.database, running.cache)
        running.process.kill()
        running.process.wait(10)
        assert eventually(lambda: servers_in(home) == [])
    with owner(home) as again:
        _assert_kept(again.database, again.cache)


def test_servers_that_an_owner_left_running_are_stopped_and_replaced(home: Path) -> None:
    _stopped_home(home)
    orphan = _start_by_hand(home)
    try:
        with owner(home) as again:
            assert again.children["PostgreSQL"] != orphan.pid
            _assert_kept(again.database, again.cache)
        assert orphan.wait(10) == 0
    finally:
        if orphan.poll() is None:
            orphan.kill()
            orphan.wait(10)


@pytest.mark.parametrize("server", ["PostgreSQL", "Valkey"])
def test_data_outlive_kill_of_a_server(home: Path, server: str) -> None:
    with owner(home) as running:
        _keep(running.database, running.cache)
        # Its parent does not reap it: it stays a zombie, as under a slow process 1.
        running.process.send_signal(signal.SIGSTOP)
        os.kill(running.children[server], signal.SIGKILL)
        os.kill(running.process.pid, signal.SIGKILL)
    with owner(home) as again:
        _assert_kept(again.database, again.cache)


def test_a_stale_pid_file_that_names_a_process_of_another_user_is_no_obstacle(home: Path) -> None:
    _stopped_home(home)
    _stale(home, pid=1)
    with owner(home) as again:
        _assert_kept(again.database, again.cache)


def test_a_stale_pid_file_that_names_another_live_process_of_the_same_user_is_no_obstacle(home: Path) -> None:
    _stopped_home(home)
    found = (home / "servers" / "postgres").stat()
    # As the servers' own user: PostgreSQL itself would refuse to start.
    other = subprocess.Popen(["sleep", "120"], user=found.st_uid, group=found.st_gid, extra_groups=[])
    try:
        _stale(home, pid=other.pid)
        with owner(home) as again:
            _assert_kept(again.database, again.cache)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(10)


@pytest.mark.parametrize("content", ["", "1", "not a number\n", "99999999\n/nowhere\n"])
def test_a_truncated_pid_file_is_no_obstacle(home: Path, content: str) -> None:
    _stopped_home(home)
    (home / "servers" / "postgres" / "postmaster.pid").write_text(content)
    with owner(home) as again:
        _assert_kept(again.database, again.cache)


def test_a_start_that_was_cut_off_in_the_middle_begins_anew(home: Path) -> None:
    process = spawn(home)
    try:
        assert eventually(lambda: any((home / "servers").glob("postgres.new-*/base")))
        process.kill()
    finally:
        process.wait(10)
        assert process.stdout
        process.stdout.close()
    with owner(home) as again:
        _keep(again.database, again.cache)


def test_a_second_owner_is_refused_while_the_first_one_lives(home: Path) -> None:
    with owner(home) as running:
        second = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "serve"],
            env={**os.environ, "PDMP_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 3
        assert "another process" in second.stderr
        assert running.process.poll() is None


def test_commands_at_the_same_time_share_servers_and_the_last_one_stops_them(home: Path) -> None:
    processes = [spawn(home, "resolve", seconds) for seconds in (0.2, 3, 2, 1)]
    for process in processes:
        found = read_owner(process)
        psycopg.connect(found.database).close()
    for process in processes:
        assert process.wait(60) == 0
        assert process.stdout
        process.stdout.close()
    assert servers_in(home) == []


def _stale(home: Path, pid: int) -> None:
    data = home / "servers" / "postgres"
    (data / "postmaster.pid").write_text(f"{pid}\n{data}\n1700000000\n5432\n{home}\n\n  1   1\nready   \n")
    lock = home / "servers" / "sockets" / ".s.PGSQL.5432.lock"
    lock.write_text(f"{pid}\n{data}\n1700000000\n5432\n{home}\n")


def _start_by_hand(home: Path) -> subprocess.Popen[bytes]:
    """Start PostgreSQL on the data of `home` as an owner would have left it."""
    data = home / "servers" / "postgres"
    found = data.stat()
    installation = find_binaries(postgres=True, valkey=False).postgres
    assert installation
    sockets = f"unix_socket_directories={home / 'servers' / 'sockets'}"
    process = subprocess.Popen(
        [str(installation / "bin" / "postgres"), "-D", str(data), "-c", "listen_addresses=", "-c", sockets],
        cwd=data,
        user=found.st_uid,
        group=found.st_gid,
        extra_groups=[],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert eventually((home / "servers" / "sockets" / ".s.PGSQL.5432").exists)
    return process
