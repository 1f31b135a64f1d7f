"""Rules of the house that types and import-linter cannot say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from gateway.core.settings import DOCUMENTED

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "smart_app", "conformance")


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_only_policy_makes_a_grant() -> None:
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Grant"
    }
    assert makers == {"gateway/policy/decide.py"}


def test_every_read_of_patient_rows_takes_a_grant() -> None:
    tree = ast.parse((ROOT / "gateway/store/dispensations.py").read_text())
    public = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert {node.name for node in public} == {"page", "one", "patient", "refers_to", "encounter"}
    for node in public:
        annotations = [ast.unparse(argument.annotation) for argument in node.args.args if argument.annotation]
        assert "Grant" in annotations, node.name


def test_only_the_door_reads_patient_rows() -> None:
    callers = {
        path.relative_to(ROOT).parts[1]
        for path in _modules()
        if re.search(r"gateway\.store(\.dispensations| import .*dispensations)", path.read_text())
    }
    assert callers <= {"disclose", "store"}


def test_sql_stays_in_sql_files() -> None:
    inline = re.compile(r"[\"'](\s*)(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s+[\w\"(*]", re.IGNORECASE)
    allowed = {"gateway/store/database.py"}  # `select 1`, the liveness probe
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "gateway").rglob("*.py"))
        if inline.search(path.read_text())
    }
    assert found <= allowed


def test_no_module_is_longer_than_400_lines_or_called_utils() -> None:
    for path in _modules():
        assert len(path.read_text().splitlines()) <= 400, path
        assert path.stem not in {"utils", "util", "helpers", "misc", "common"}, path


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [name for name in DOCUMENTED if f"`{name}`" not in readme]
    assert not missing


def test_every_package_says_what_it_is() -> None:
    for path in _modules():
        if path.stat().st_size:
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_lock_file_names_no_index_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "--index-url" not in lock
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > 100
