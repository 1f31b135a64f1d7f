"""TLS where we terminate it ourselves: 1.2 and later, as SMART App Launch 2.2 asks."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings
from tests.support.certificates import self_signed
from tests.support.processes import ROOT, environment, free_port

V = ssl.TLSVersion


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


@pytest.fixture
def port(settings: Settings, tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[int]:
    """The gateway on TLS by its settings."""
    found = free_port()
    here = replace(
        settings,
        base_url=f"https://localhost:{found}",
        bind=f"127.0.0.1:{found}",
        workers=1,
        tls_certificate=certificate[0],
        tls_key=certificate[1],
    )
    log = tmp_path / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve"],
            env=environment(here),
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    deadline = time.monotonic() + 60
    while spoken(found, certificate[0], V.TLSv1_2, V.TLSv1_3) is None:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)
    yield found
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def context(kind: ssl._SSLMethod, low: V, high: V) -> ssl.SSLContext:
    made = ssl.SSLContext(kind)
    # OpenSSL's usual level hides old versions whatever the server does.
    made.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = low, high
    return made


def spoken(port: int, authority: Path, low: V, high: V) -> str | None:
    """Return the version that client and server agree on, or None."""
    client = context(ssl.PROTOCOL_TLS_CLIENT, low, high)
    client.load_verify_locations(authority)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            client.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert secure.recv(100).startswith(b"HTTP/1.1 200")
            return secure.version()
    except (ssl.SSLError, ConnectionError):
        return None


def test_only_tls_1_2_and_1_3_are_spoken(port: int, certificate: tuple[Path, Path]) -> None:
    authority = certificate[0]
    assert spoken(port, authority, V.TLSv1_2, V.TLSv1_2) == "TLSv1.2"
    assert spoken(port, authority, V.TLSv1_3, V.TLSv1_3) == "TLSv1.3"
    for old in (V.TLSv1, V.TLSv1_1):
        assert spoken(port, authority, old, old) is None
    # The client speaks 1.1 where a server does.
    with lenient(certificate) as other:
        assert spoken(other, authority, V.TLSv1_1, V.TLSv1_1) == "TLSv1.1"


class lenient:
    """A server that takes TLS 1.1 and answers one request."""

    def __init__(self, certificate: tuple[Path, Path]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context(ssl.PROTOCOL_TLS_SERVER, V.TLSv1, V.TLSv1_3)
        self._context.load_cert_chain(*certificate)
        self._thread = threading.Thread(target=self._answer)

    def _answer(self) -> None:
        plain, _ = self._listener.accept()
        with plain, self._context.wrap_socket(plain, server_side=True) as secure:
            secure.recv(1000)
            secure.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()


def test_certificate_and_key_go_together_and_with_https(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    both = {"PDMP_TLS_CERTIFICATE": str(certificate[0]), "PDMP_TLS_KEY": str(certificate[1])}
    https = {"PDMP_BASE_URL": "https://pdmp.example.org"}
    made = Settings.from_env({**https, **both})
    assert (made.tls_certificate, made.tls_key) == certificate
    for wrong in (
        {**https, "PDMP_TLS_KEY": both["PDMP_TLS_KEY"]},
        {**https, "PDMP_TLS_CERTIFICATE": both["PDMP_TLS_CERTIFICATE"]},
        {**https, **both, "PDMP_TLS_KEY": str(tmp_path / "nothing")},
        both,
    ):
        with pytest.raises(Misconfigured, match="PDMP_TLS"):
            Settings.from_env(wrong)
