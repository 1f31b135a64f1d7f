"""A missing tool skips its tests by name, or fails them when all are wanted; the closing line counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

_TESTS = """
import pytest

@pytest.mark.browser
def test_needs_a_browser():
    pass

@pytest.mark.java
def test_needs_java():
    pass

def test_needs_nothing():
    pass

def test_needs_samples(asap_samples):
    pass
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a file of tests beside the conftest of this suite, as pytest finds it."""
    path = tmp_path / "test_bare.py"
    path.write_text(_TESTS)
    return path


def _pytest(path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    # A PATH without tools; what is left of the environment is what the interpreter needs.
    env = {"PATH": str(path.parent), "HOME": str(path.parent), "LANG": "C.UTF-8", **more}
    words = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.conftest",
        "--rootdir",
        str(path.parent),
    ]
    return subprocess.run(
        [sys.executable, *words, "-c", str(ROOT / "pyproject.toml"), str(path)],
        env={**env, "PYTHONPATH": str(ROOT)},
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_without_tools_their_tests_skip_by_name_and_the_closing_line_counts_them(bare: Path) -> None:
    done = _pytest(bare)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "needs chromium, which this machine lacks" in done.stdout
    assert "needs java and mvn, which this machine lacks" in done.stdout
    assert "needs ASAP_SAMPLES" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 3 skipped"


def test_when_every_test_is_wanted_a_missing_tool_fails(bare: Path) -> None:
    done = _pytest(bare, REQUIRE_ALL="1")
    assert done.returncode == 1
    assert "needs chromium, which this machine lacks (REQUIRE_ALL=1)" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 passed, 2 failed, 1 skipped"


def test_the_closing_line_is_last_with_several_workers_too(bare: Path) -> None:
    done = _pytest(bare, PYTEST_ADDOPTS="-n 2")
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 3 skipped", done.stdout + done.stderr


def test_setup_names_the_one_command_when_python_lacks_venv(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    for name in (".ci/bootstrap", "requirements.lock", "pyproject.toml"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat", "printf"):
        (tools / tool).symlink_to(f"/bin/{tool}")
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(checkout / ".ci" / "bootstrap")],
        env={"PATH": str(tools), "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert done.returncode == 1
    assert f"apt-get install python{version}-venv" in done.stderr


def test_elsewhere_the_message_says_that_external_servers_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.core.errors import Misconfigured
    from gateway.embedded.binaries import find_binaries

    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(Misconfigured, match="PDMP_DATABASE_URL and PDMP_REDIS_URL"):
        find_binaries(postgres=True, valkey=True)
