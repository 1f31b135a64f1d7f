"""The way out: what may be called, and that a name is judged once and then pinned."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smart_app.errors import OutboundRefused
from smart_app.outbound import Outbound, OutboundFailed

NAME = "ehr.hospital.example"


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str]]
    reply: Callable[[BaseHTTPRequestHandler], None]

    def do_GET(self) -> None:
        type(self).seen.append((self.path, self.headers["Host"]))
        type(self).reply(self)

    def log_message(self, *_: Any) -> None:
        pass


def _ok(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


class Server:
    """A little server on loopback, with or without TLS; `seen` are paths and Host headers."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.handler = type("H", (Handler,), {"seen": [], "reply": staticmethod(_ok)})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.http.daemon_threads = True
        if context:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.http.server_address[1])

    @property
    def seen(self) -> list[tuple[str, str]]:
        return self.handler.seen

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://192.168.1.1/fhir",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://ehr.localhost/",
        "http://93.184.216.34/",
        "ftp://93.184.216.34/",
        "file:///etc/passwd",
        "https://user:secret@93.184.216.34/",
        "https:///nohost",
        "https://0x7f.0.0.1/",
    ],
)
def test_private_addresses_and_other_schemes_are_refused(url: str) -> None:
    with pytest.raises((OutboundRefused, OutboundFailed)):
        Outbound(loopback=False).get(url, seconds=1)


def test_a_name_is_refused_when_any_of_its_addresses_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in ("93.184.216.34", "10.0.0.9")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(OutboundRefused):
        Outbound(loopback=False).get(f"https://{NAME}/")


def test_loopback_is_for_an_app_on_loopback_and_the_host_is_kept(server: Server) -> None:
    for host in ("localhost", "ehr.localhost", "127.0.0.1"):
        answer = Outbound(loopback=True).get(f"http://{host}:{server.port}/x")
        assert answer.status == 200
        with pytest.raises(OutboundRefused):
            Outbound(loopback=False).get(f"http://{host}:{server.port}/x")
    assert [h for _, h in server.seen] == [
        f"{host}:{server.port}" for host in ("localhost", "ehr.localhost", "127.0.0.1")
    ]


def test_a_private_host_that_is_allowed_still_needs_https(server: Server) -> None:
    outbound = Outbound(loopback=False, allow=("127.0.0.0/8", "ehr.localhost"))
    with pytest.raises(OutboundRefused):
        outbound.get(f"http://127.0.0.1:{server.port}/")
    outbound.check("https://127.0.0.1/")


def test_redirects_are_not_followed(server: Server) -> None:
    def away(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"http://127.0.0.1:{server.port}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.handler.reply = staticmethod(away)  # type: ignore[assignment]
    assert Outbound(loopback=True).get(f"http://localhost:{server.port}/x").status == 302
    assert [path for path, _ in server.seen] == ["/x"]


def test_an_answer_above_its_limit_is_given_up(server: Server) -> None:
    def big(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b"x" * 100_000)
        except OSError:
            pass

    server.handler.reply = staticmethod(big)  # type: ignore[assignment]
    with pytest.raises(OutboundFailed, match="too large"):
        Outbound(loopback=True).get(f"http://localhost:{server.port}/", limit=1_000_000)


def test_an_answer_that_drips_is_given_up_in_time(server: Server) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(50):
                handler.wfile.write(b"x" * 70_000)
                if stop.wait(0.2):
                    return
        except OSError:
            pass

    server.handler.reply = staticmethod(drip)  # type: ignore[assignment]
    with pytest.raises(OutboundFailed, match="time limit"):
        Outbound(loopback=True).get(f"http://localhost:{server.port}/", seconds=0.7)
    stop.set()


def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Outbound(loopback=True).get(f"http://ehr.localhost:{server.port}/").status == 200


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, private


def test_a_name_is_resolved_once_and_its_address_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, private = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = Server(context)
    lookups: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != NAME:
            return real(host, port, *args, **kwargs)
        lookups.append(host)
        # The first look-up is innocent, the next one would lead elsewhere.
        address = "127.0.0.1" if len(lookups) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    try:
        outbound = Outbound(loopback=False, allow=(NAME,), ca_file=pem)
        assert outbound.get(f"https://{NAME}:{server.port}/fhir").status == 200
        other = Outbound(loopback=False, allow=("127.0.0.0/8",), ca_file=pem)
        with pytest.raises(OutboundFailed, match="TLS"):
            other.get(f"https://127.0.0.1:{server.port}/fhir")
    finally:
        server.stop()
    assert lookups == [NAME]
    assert names[0] == NAME
    assert server.seen == [("/fhir", f"{NAME}:{server.port}")]
