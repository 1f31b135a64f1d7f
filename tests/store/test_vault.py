"""The vault: keys outside the database, made once, never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings
from gateway.store.vault import Vault

VAULT = Vault(b"d" * 32, b"h" * 32, b"l" * 32)


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = Vault.open(tmp_path / "keys")
    assert Vault.open(tmp_path / "keys") == first
    for name in ("data", "hash", "link"):
        assert (tmp_path / "keys" / f"{name}.key").stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_stops_the_start(tmp_path: Path) -> None:
    Vault.open(tmp_path)
    (tmp_path / "data.key").write_bytes(b"short")
    with pytest.raises(Misconfigured, match=r"data\.key"):
        Vault.open(tmp_path)


def test_keys_are_not_in_the_text_of_a_vault() -> None:
    assert "d" * 8 not in repr(VAULT)


@given(st.binary(), st.binary())
def test_what_is_encrypted_opens_with_its_context_only(clear: bytes, context: bytes) -> None:
    sealed = VAULT.encrypt(clear, context)
    assert VAULT.decrypt(sealed, context) == clear
    with pytest.raises(Misconfigured):
        VAULT.decrypt(sealed, context + b"x")


def test_equal_identifiers_encrypt_differently_and_hash_alike() -> None:
    assert VAULT.encrypt(b"999700121") != VAULT.encrypt(b"999700121")
    assert VAULT.keyed_hash("07", "999700121") == VAULT.keyed_hash("07", "999700121")
    assert VAULT.keyed_hash("07", "999700121") != VAULT.keyed_hash("06", "999700121")
    assert VAULT.keyed_hash("07", "999700121") != Vault(b"d" * 32, b"x" * 32, b"l" * 32).keyed_hash(
        "07", "999700121"
    )


def _settings(tmp_path: Path, **more: str) -> Settings:
    return Settings.from_env({"PDMP_HOME": str(tmp_path), **more})


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_the_data_key_may_come_from_the_settings_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mounted"
    file.write_text(f"{_text(b'd' * 32)}\n")
    for named in ({"PDMP_DATA_KEY": _text(b"d" * 32)}, {"PDMP_DATA_KEY_FILE": str(file)}):
        vault = Vault.of(_settings(tmp_path, **named))
        assert vault.decrypt(VAULT.encrypt(b"clear")) == b"clear"
    assert not (tmp_path / "keys" / "data.key").exists()
    assert (tmp_path / "keys" / "hash.key").exists()


def test_a_data_key_is_changed_by_putting_the_new_one_first(tmp_path: Path) -> None:
    both = f"{_text(b'n' * 32)},{_text(b'd' * 32)}"
    changed = Vault.of(_settings(tmp_path, PDMP_DATA_KEY=both))
    assert changed.decrypt(VAULT.encrypt(b"old", b"c"), b"c") == b"old"
    sealed = changed.encrypt(b"new")
    assert Vault.of(_settings(tmp_path, PDMP_DATA_KEY=_text(b"n" * 32))).decrypt(sealed) == b"new"
    with pytest.raises(Misconfigured):
        VAULT.decrypt(sealed)
    assert "d" * 8 not in repr(changed)


@pytest.mark.parametrize(
    "text", [" ", "short", _text(b"d" * 31), f"{_text(b'd' * 32)},{_text(b'd' * 32)}", "é"]
)
def test_a_garbled_data_key_stops_the_start_and_is_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Vault.of(_settings(tmp_path, PDMP_DATA_KEY=text))
    assert _text(b"d" * 31) not in refused.value.public


def test_a_file_that_is_missing_and_two_sources_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="PDMP_DATA_KEY_FILE"):
        Vault.of(_settings(tmp_path, PDMP_DATA_KEY_FILE=str(tmp_path / "nothing")))
    with pytest.raises(Misconfigured, match="exclude"):
        _settings(tmp_path, PDMP_DATA_KEY=_text(b"d" * 32), PDMP_DATA_KEY_FILE="x")
