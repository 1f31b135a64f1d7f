"""Our signing keys, made once and kept sealed."""

from __future__ import annotations

import threading
from pathlib import Path

import jwt
import psycopg
import pytest

from gateway.auth import keys as module
from gateway.auth.keys import SigningKeys
from gateway.core.errors import Misconfigured
from gateway.store.database import Database
from gateway.store.vault import Vault
from tests.support.databases import TestDatabase


def test_workers_that_start_together_share_one_key_of_each_kind(
    database: TestDatabase, tmp_path: Path
) -> None:
    vault = Vault.open(tmp_path / "keys")
    start, kids = threading.Barrier(4), []

    def work() -> None:
        own = Database(database.url)
        start.wait()
        kids.append(frozenset(key["kid"] for key in SigningKeys(own, vault).jwks()["keys"]))
        own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kids) == 4
    assert len(set(kids)) == 1
    assert len(kids[0]) == 2


def test_the_database_alone_does_not_give_the_private_keys(database: TestDatabase, tmp_path: Path) -> None:
    store = Database(database.url)
    SigningKeys(store, Vault.open(tmp_path / "keys")).jwks()
    with psycopg.connect(database.admin_url) as admin:
        for sealed, public in admin.execute("SELECT private_encrypted, public_jwk FROM pdmp.signing_key"):
            assert not {"d", "p", "q"} & public.keys()
            assert b"PRIVATE" not in bytes(sealed)
            with pytest.raises(ValueError):
                module.serialization.load_der_private_key(bytes(sealed), password=None)
    with pytest.raises(Misconfigured):
        SigningKeys(store, Vault.open(tmp_path / "other keys")).jwks()
    store.close()


def test_a_key_made_by_another_process_is_found_and_a_retired_one_still_verifies(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RELOAD_SECONDS", 0.0)
    vault, store = Vault.open(tmp_path / "keys"), Database(database.url)
    first = SigningKeys(store, vault)
    old = first.sign({"sub": "x"}, algorithm="ES256", typ="at+jwt")
    with store.connection() as connection:
        connection.execute("UPDATE signing_key SET retired_at = now()")
    second = SigningKeys(store, vault)
    new = second.sign({"sub": "x"}, algorithm="ES256", typ="at+jwt")
    old_kid, new_kid = (jwt.get_unverified_header(token)["kid"] for token in (old, new))
    assert old_kid != new_kid
    for keys in (first, second):
        assert keys.public(old_kid, "ES256") is not None
        assert keys.public(new_kid, "ES256") is not None
        assert keys.public(new_kid, "RS256") is None
        assert keys.public("unknown", "ES256") is None
    with store.connection() as connection:
        connection.execute(
            "UPDATE signing_key SET retired_at = now() - interval '2 days' WHERE kid = %s", [old_kid]
        )
    assert SigningKeys(store, vault).public(old_kid, "ES256") is None
    store.close()
