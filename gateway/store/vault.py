"""Keys that live outside the database, and what is done with them.

Reported identifiers are stored encrypted (AES-256-GCM) with a keyed hash (HMAC-SHA-256) beside them, so
that matching compares hashes and a stolen database shows neither. Our private signing keys, TOTP secrets
and launches' Encounters are encrypted likewise. The files in the keys folder are: `data.key` (encryption),
`hash.key` (keyed hashes), `link.key` (page links and signatures). Each is made at first use with mode 0600;
losing `data.key` loses the identifiers, losing `hash.key` loses their matching.

The data key may come from the settings instead (`PDMP_DATA_KEY`, or a file that a secret manager mounts:
`PDMP_DATA_KEY_FILE`), as one or more keys in base64: the first encrypts, the others still open what they
encrypted. So it is changed: put the new key before the old one, restart, and rotate the signing keys; the old
one stays for what is not written anew. To move `data.key` into the settings: `base64 -w0 data.key`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings

_FORMAT = b"\x01"
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Vault:
    """The keys of one installation. Nothing of them is ever in `repr` or a log."""

    data_key: bytes = field(repr=False)
    hash_key: bytes = field(repr=False)
    link_key: bytes = field(repr=False)
    #: Data keys of before: they open, and encrypt nothing.
    older_data_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """Return the vault of an installation. Raises Misconfigured on a damaged or missing key."""
        text = settings.data_key
        if settings.data_key_file is not None:
            try:
                text = settings.data_key_file.read_text("ascii")
            except (OSError, UnicodeDecodeError):
                raise Misconfigured("PDMP_DATA_KEY_FILE can't be read.") from None
        return cls.open(settings.keys_dir, None if text is None else _data_keys(text))

    @classmethod
    def open(cls, folder: Path, data_keys: tuple[bytes, ...] | None = None) -> Vault:
        """Return the vault in `folder`, making missing keys; `data_keys` stand for the one of the folder.

        Raises Misconfigured on a damaged key.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data, *older = data_keys or (_key(folder / "data.key"),)
        return cls(data, _key(folder / "hash.key"), _key(folder / "link.key"), tuple(older))

    def encrypt(self, clear: bytes, context: bytes = b"") -> bytes:
        """Return `clear` encrypted and bound to `context`, which `decrypt` must be given again."""
        nonce = os.urandom(_NONCE)
        return _FORMAT + nonce + AESGCM(self.data_key).encrypt(nonce, clear, context)

    def decrypt(self, sealed: bytes, context: bytes = b"") -> bytes:
        """Return the clear bytes. Raises Misconfigured when the key or the context is another."""
        if sealed[:1] != _FORMAT:
            raise Misconfigured("An encrypted value has an unknown format.")
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        for key in (self.data_key, *self.older_data_keys):
            with contextlib.suppress(InvalidTag):
                return AESGCM(key).decrypt(nonce, body, context)
        raise Misconfigured("An encrypted value does not open with this data key.")

    def seal_link(self, clear: bytes, context: bytes) -> bytes:
        """Return `clear` encrypted with the link key and bound to `context`."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self.link_key).encrypt(nonce, clear, context)

    def open_link(self, sealed: bytes, context: bytes) -> bytes | None:
        """Return what was sealed for `context`, or None when it was altered or made for another."""
        try:
            return AESGCM(self.link_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError):
            return None

    def keyed_hash(self, kind: str, value: str) -> bytes:
        """Return 32 bytes that stand for `value` of `kind`: equal for equal input, one-way."""
        return hmac.digest(self.hash_key, f"{kind}\0{value}".encode(), "sha256")

    def sign(self, purpose: str, message: bytes) -> bytes:
        """Return a 32-byte signature of `message` for one `purpose`; compare with `hmac.compare_digest`."""
        return hmac.new(self.link_key, purpose.encode() + b"\0" + message, hashlib.sha256).digest()


def _data_keys(text: str) -> tuple[bytes, ...]:
    try:
        keys = tuple(base64.b64decode(word, validate=True) for word in text.replace(",", " ").split())
    except ValueError:  # of binascii too
        keys = ()
    if not keys or any(len(key) != 32 for key in keys) or len(set(keys)) != len(keys):
        raise Misconfigured("The data key in the settings must be 32 bytes in base64; several by commas.")
    return keys


def _key(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
    else:
        key = secrets.token_bytes(32)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    if len(key) != 32:
        raise Misconfigured(f"{path.name} is damaged: it must hold 32 bytes.")
    return key
