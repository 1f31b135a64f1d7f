"""The vault: keys outside the database, made once, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
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
