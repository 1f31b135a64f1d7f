"""`pdmp` itself: its table of verbs, settings it refuses, migrate and serve as processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import requests

from gateway.core.settings import Settings
from tests.support.certificates import self_signed
from tests.support.databases import TestDatabase
from tests.support.processes import ROOT, Cli, environment, free_port


def test_version_is_told(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("pdmp, version 0.")


def test_help_lists_every_verb_with_its_line(cli: Cli) -> None:
    told = cli("--help").stdout
    verbs = "demo serve migrate ingest clients keys accounts persons ehrs audit synth drugs"
    for verb in verbs.split():
        assert f"\n  {verb} " in told, verb


def test_an_unknown_setting_refuses_to_start(cli: Cli) -> None:
    done = cli("migrate", env={"PDMP_DATABSE_URL": "postgresql://nowhere"})
    assert done.returncode == 3
    assert "PDMP_DATABSE_URL" in done.stderr
    assert "nowhere" not in done.stderr


def test_without_a_database_a_verb_ends_with_status_three_and_no_trace(cli: Cli) -> None:
    nowhere = "postgresql://nobody:hidden@127.0.0.1:1/none"
    done = cli("migrate", env={"PDMP_DATABASE_URL": nowhere, "PDMP_MIGRATION_DATABASE_URL": nowhere})
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr + done.stdout


def test_migrate_makes_an_empty_database_ready_and_is_repeatable(
    cli: Cli, settings: Settings, empty_database: TestDatabase
) -> None:
    env = {"PDMP_DATABASE_URL": empty_database.url, "PDMP_MIGRATION_DATABASE_URL": empty_database.owner_url}
    first, second = cli("migrate", "--json", env=env), cli("migrate", "--json", env=env)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert json.loads(first.stdout)["applied"][0] == "0001_store"
    assert json.loads(second.stdout) == {"applied": []}
    with psycopg.connect(empty_database.owner_url) as connection:
        drugs = connection.execute("SELECT count(*), count(DISTINCT table_version) FROM pdmp.drug").fetchone()
        assert drugs is not None
        assert drugs[0] > 500
        assert drugs[1] == 1


def test_the_identifier_base_is_fixed_at_the_first_migration(cli: Cli, empty_database: TestDatabase) -> None:
    env = {"PDMP_DATABASE_URL": empty_database.url, "PDMP_MIGRATION_DATABASE_URL": empty_database.owner_url}
    for base in ("https://first.example.org", "https://second.example.org"):
        assert cli("migrate", env={**env, "PDMP_IDENTIFIER_BASE": base}).returncode == 0
    with psycopg.connect(empty_database.owner_url) as connection:
        row = connection.execute("SELECT identifier_base FROM pdmp.installation").fetchone()
        assert row == ("https://first.example.org",)


@pytest.mark.parametrize("words", ["accounts list", "clients list", "audit list", "ingest nothing.asap"])
def test_a_verb_says_that_the_database_is_not_migrated(
    cli: Cli, empty_database: TestDatabase, words: str
) -> None:
    done = cli(*words.split(), env={"PDMP_DATABASE_URL": empty_database.url})
    assert (done.returncode, done.stderr) == (3, "Error: The database is not migrated: run `pdmp migrate`.\n")


def test_serve_is_not_ready_before_the_migrations_and_ready_after_them(
    settings: Settings, empty_database: TestDatabase, tmp_path: Path
) -> None:
    empty = replace(
        settings, database_url=empty_database.url, migration_database_url=empty_database.owner_url
    )
    with serving(empty, tmp_path) as (_, base):
        before = requests.get(f"{base}/readyz", timeout=10)
        assert (before.status_code, before.json()["migrations"]) == (503, "missing")
        assert "pdmp migrate" in (tmp_path / "serve.log").read_text()
        assert Cli(environment(empty))("migrate").returncode == 0
        assert requests.get(f"{base}/readyz", timeout=10).status_code == 200
        assert requests.get(f"{base}/fhir/metadata", timeout=10).status_code == 200


def test_serve_without_a_database_lives_and_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    nowhere = replace(settings, database_url="postgresql://nobody:hidden@127.0.0.1:1/none")
    with serving(nowhere, tmp_path) as (_, base):
        answer = requests.get(f"{base}/readyz", timeout=10)
        assert (answer.status_code, answer.json()["database"]) == (503, "unavailable")
        assert "hidden" not in (tmp_path / "serve.log").read_text()


def test_serve_answers_and_stops_on_sigterm_leaving_nothing(settings: Settings, tmp_path: Path) -> None:
    with serving(settings, tmp_path) as (process, base):
        ready = requests.get(f"{base}/readyz", timeout=10)
        assert ready.status_code == 200
        assert ready.json()["cache"] == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    assert "gunicorn" not in _commands_with(str(settings.home))


def test_serve_speaks_tls_with_a_certificate(settings: Settings, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with serving(settings, tmp_path, certificate, key) as (_, base):
        assert base.startswith("https:")
        assert requests.get(f"{base}/healthz", timeout=10, verify=str(certificate)).ok


def test_serve_ends_what_a_demonstration_registered(cli: Cli, settings: Settings, tmp_path: Path) -> None:
    words = ["accounts", "add", "--username", "demo.ada.voss", "--role", "practitioner", "--name", "Ada Voss"]
    added = cli(*words, "--npi", "1999900024", "--password-stdin", stdin="correct horse battery\n")
    assert added.returncode == 0, added.stderr
    (settings.home / "demo.json").write_text("{}")
    with serving(settings, tmp_path):
        listed = [json.loads(line) for line in cli("accounts", "list", "--json").stdout.splitlines()]
        assert [account["active"] for account in listed] == [False]
        assert not (settings.home / "demo.json").exists()


def test_serve_with_embedded_servers_keeps_its_files_private(tmp_path: Path) -> None:
    from tests.support.databases import remove_home

    home = Path("/tmp") / f"pdmp-serve-{os.getpid()}"  # noqa: S108
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    env.update(PDMP_HOME=str(home), PDMP_BASE_URL=f"http://localhost:{port}", PDMP_WORKERS="1")
    try:
        assert Cli(env)("migrate").returncode == 0
        with started(env, tmp_path / "log") as process:
            wait_for(f"http://127.0.0.1:{port}/readyz", process, tmp_path / "log")
            for file in (home / "run").iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert Cli(env)("audit", "list").returncode == 0, "a verb finds the running servers"
        assert not (home / "run" / "servers.json").exists()
        assert "postgres" not in _commands_with(str(home))
    finally:
        remove_home(home)


@pytest.mark.parametrize("words", [("ingest",), ("ingest", "--json")])
def test_on_a_terminal_loading_shows_its_progress_and_each_answer_its_own_line(
    settings: Settings, words: tuple[str, ...]
) -> None:
    files = [str(ROOT / "tests/data/overlays/26-four-drugs.asap"), "no-such-file.asap"]
    shown = _on_a_terminal(settings, *words, *files)
    assert "Loading" in shown
    assert "100%" in shown
    answers = [line.rpartition("\x1b[2K")[2] for line in shown.splitlines() if "asap" in line]
    assert len(answers) == 2 if "--json" in words else 3
    assert all("Loading" not in line for line in answers)


def _on_a_terminal(settings: Settings, *words: str) -> str:
    """Return what `pdmp` shows when both its outputs are a terminal."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", *words],
        env=environment(settings),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that nobody holds the other end
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    process.wait(60)
    return shown.decode()


@contextmanager
def serving(
    settings: Settings, folder: Path, certificate: Path | None = None, key: Path | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Yield a running `pdmp serve` and its base URL."""
    port = free_port()
    scheme = "https" if certificate else "http"
    here = replace(settings, base_url=f"{scheme}://localhost:{port}", bind=f"127.0.0.1:{port}", workers=1)
    words = ["--certfile", str(certificate), "--keyfile", str(key)] if certificate else []
    with started(environment(here), folder / "serve.log", *words) as process:
        wait_for(f"{scheme}://localhost:{port}/healthz", process, folder / "serve.log", certificate)
        yield process, here.base_url


@contextmanager
def started(env: dict[str, str], log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", *words], env=env, cwd=ROOT, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, certificate: Path | None = None) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=5, verify=str(certificate) if certificate else True).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


def _commands_with(text: str) -> str:
    """Return the command lines of all processes whose environment or command holds `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                everything = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if text.encode() in everything:
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return "\n".join(found)
