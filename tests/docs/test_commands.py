"""The commands on the page, taken from it and run in one shell, in their order, against a running gateway."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from gateway.core.settings import Settings
from tests.clients.conftest import walk
from tests.support.processes import environment
from tests.support.smart_program import Program, run_program

pytestmark = pytest.mark.slow

_DONE = "__done__"
_REDIRECT = "http://127.0.0.1:9999/callback"


class Commands(HTMLParser):
    """The page's commands by name, as a person copies them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._name = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self._name = dict(attrs).get("data-command") or ""
            assert self._name, "a command without a name is not run"
            assert self._name not in self.found
            self.found[self._name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._name = ""

    def handle_data(self, data: str) -> None:
        if self._name:
            self.found[self._name] += data


class Shell:
    """One bash that stays, as in a person's terminal."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            text=True,
        )
        self("set -o pipefail")

    def __call__(self, command: str) -> str:
        """Return what a command wrote; it must have succeeded."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{command}\necho; echo {_DONE} $?\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_DONE):
                told = "".join(lines)
                assert line.split()[1] == "0", f"{command}\n{told}"
                return told.strip()
            lines.append(line)
        raise AssertionError(f"the shell ended:\n{''.join(lines)}")

    def close(self) -> None:
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.close()
        self._bash.wait(20)
        self._bash.stdout.close()


@pytest.fixture(scope="module")
def program(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    if not all(map(shutil.which, ("bash", "curl", "openssl"))):
        pytest.skip("needs bash, curl and openssl")
    with run_program(module_settings, tmp_path_factory.mktemp("program")) as running:
        yield running


@pytest.fixture
def shell(program: Program, tmp_path: Path) -> Iterator[Shell]:
    """A terminal in which `python3` has PyJWT and `pdmp` is the operator's."""
    env = environment(program.gateway.settings)
    folder = str(Path(sys.executable).parent)
    made = Shell(tmp_path, env | {"PATH": f"{folder}:{env['PATH']}"})
    yield made
    made.close()


@pytest.mark.parametrize("key", ["key-ec", "key-rsa"])
def test_the_commands_lead_from_nothing_to_a_history_and_through_a_launch(
    program: Program, shell: Shell, key: str
) -> None:
    commands = Commands(requests.get(f"{program.gateway.base}/docs", timeout=10).text).found
    waiting = dict.fromkeys(name for name in commands if name not in ("key-ec", "key-rsa") or name == key)

    def run(name: str, **changes: str) -> str:
        command = commands[name]
        for old, new in changes.items():
            assert old in command
            command = command.replace(old, new)
        del waiting[name]
        return shell(command)

    assert json.loads(run("address"))["token_endpoint"] == f"{program.gateway.base}/auth/token"
    for name in (key, "jwks", "client-service", "client-app", "client-ehr", "register", "assertion"):
        run(name)
    run("token-service")
    history = json.loads(run("history"))
    assert history["resourceType"] == "Parameters"
    assert len(history["parameter"][0]["resource"]["entry"]) > 6

    def consent(command: str) -> str:
        back = walk(program, run(command), _REDIRECT)
        return parse_qs(urlsplit(back).query)["code"][0]

    exchange = commands["exchange"]
    run("exchange", **{"the code that came back": consent("authorize")})
    assert json.loads(run("read"))["total"] >= 6
    run("launch")
    launched = consent("authorize-launch")
    shell(exchange.replace("the code that came back", launched))
    assert json.loads(shell("cat tokens.json"))["intent"] == "order-review"
    run("refresh")
    assert json.loads(run("introspect"))["active"] is True
    run("revoke")
    assert json.loads(
        shell(f"curl -sS {program.gateway.base}/auth/introspect -d token=$ACCESS -d client_id=$APP")
    ) == {"active": False}
    assert not waiting, "not every command was run"
