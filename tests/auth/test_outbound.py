"""Which addresses we call, and how."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.auth.outbound import Outbound
from gateway.core.errors import BadRequest, Misconfigured, Unavailable


@dataclass
class Heard:
    """What a small server heard."""

    port: int
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    server_names: list[str] = field(default_factory=list)


Serve = Callable[..., Heard]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start small servers on 127.0.0.1; they end with the test."""
    started: list[ThreadingHTTPServer] = []

    def start(
        body: bytes = b"{}",
        status: int = 200,
        headers: dict[str, str] | None = None,
        certificate: tuple[str, str] | None = None,
    ) -> Heard:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.requests.append((self.path, dict(self.headers)))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        heard = Heard(server.server_address[1])
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            context.sni_callback = lambda _socket, name, _context: heard.server_names.append(name)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return heard

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path, name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(certificate_path), str(key_path)


def _never(host: str, port: int) -> list[str]:
    raise AssertionError("a name was resolved")


def _to(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


@pytest.mark.parametrize("host", ["localhost", "pdmp.localhost", "127.0.0.1", "127.0.0.1.", "LOCALHOST"])
def test_loopback_is_called_over_http_while_our_own_base_url_is_loopback(serve: Serve, host: str) -> None:
    heard = serve(body=b'{"keys":[]}')
    url = f"http://{host}:{heard.port}/jwks.json?x=1"
    answer = Outbound(loopback=True, resolve=_never).get(url)
    assert (answer.status, answer.body) == (200, b'{"keys":[]}')
    path, headers = heard.requests[0]
    assert path == "/jwks.json?x=1"
    assert headers["Host"] == f"{host}:{heard.port}"
    with pytest.raises(BadRequest, match="https"):
        Outbound(loopback=False, resolve=_never).get(url)
    assert len(heard.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://240.0.0.1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://app.localhost/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
    ],
)
def test_a_private_address_in_any_spelling_is_refused(url: str) -> None:
    outbound = Outbound(loopback=False, resolve=_never)
    with pytest.raises(BadRequest):
        outbound.get(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "//example.org/",
        "https://",
        "https://user:secret@example.org/",
        "https://example.org@127.0.0.1/",
        "https://example.org\\@127.0.0.1/",
        "https://example.org/#fragment",
        "https://exämple.org/",
        "https://example.org:99999/",
        "https://example.org:x/",
        "https://example..org/",
        "https://-x-/",
        "https://ex ample.org/",
        "https://example.org/\r\nHost: evil",
        "https://[::1/",
        "",
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(BadRequest):
        Outbound(loopback=True, resolve=_to("8.8.8.8")).get(url)


@pytest.mark.parametrize(
    "addresses",
    [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("127.0.0.1",), ("::ffff:127.0.0.1",), ("fe80::1%eth0",)],
)
def test_a_name_is_refused_when_any_of_its_addresses_is_private(addresses: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest, match="not public"):
        Outbound(loopback=True, resolve=_to(*addresses)).get("https://hospital.example/jwks")


def test_an_unknown_name_is_unavailable() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(Unavailable):
        Outbound(loopback=False, resolve=resolve).get("https://hospital.example/jwks")


def test_the_checked_address_is_the_one_that_is_called(serve: Serve, tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, "hospital.example")
    heard = serve(body=b"ok", certificate=certificate)
    answers = iter([["127.0.0.1"], ["8.8.8.8"]])
    outbound = Outbound(
        loopback=False,
        allow=("127.0.0.0/8",),
        resolve=lambda host, port: next(answers),
        verify=certificate[0],
    )
    answer = outbound.get(f"https://hospital.example:{heard.port}/jwks")
    assert answer.body == b"ok"
    assert heard.server_names == ["hospital.example"]
    assert heard.requests[0][1]["Host"] == f"hospital.example:{heard.port}"
    assert next(answers) == ["8.8.8.8"], "the name was resolved a second time"


def test_a_certificate_of_another_name_is_refused(serve: Serve, tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, "other.example")
    heard = serve(certificate=certificate)
    outbound = Outbound(
        loopback=False, allow=("hospital.example",), resolve=_to("127.0.0.1"), verify=certificate[0]
    )
    with pytest.raises(Unavailable):
        outbound.get(f"https://hospital.example:{heard.port}/jwks")
    assert heard.requests == []


@pytest.mark.parametrize(
    "allow", [("hospital.example",), ("10.0.0.0/8",), ("10.1.2.3",), ("HOSPITAL.example.",)]
)
def test_a_listed_private_host_or_network_is_permitted_over_https_only(allow: tuple[str, ...]) -> None:
    outbound = Outbound(loopback=False, allow=allow, resolve=_to("10.1.2.3"))
    outbound.check("https://hospital.example/jwks")
    with pytest.raises(BadRequest):
        outbound.get("http://hospital.example/jwks")
    assert outbound._may_connect("hospital.example", ipaddress.ip_address("10.1.2.3"))
    assert not outbound._may_connect("clinic.example", ipaddress.ip_address("192.168.0.1"))


def test_a_list_with_a_bad_entry_is_refused() -> None:
    for entry in ("https://hospital.example", "10.0.0.0/99", "1.2.3", "a b"):
        with pytest.raises(Misconfigured):
            Outbound(loopback=False, allow=(entry,))


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    target = serve()
    heard = serve(status=302, headers={"Location": f"http://127.0.0.1:{target.port}/"})
    with pytest.raises(Unavailable, match="redirect"):
        Outbound(loopback=True).get(f"http://localhost:{heard.port}/")
    assert target.requests == []


def test_more_than_the_limit_is_not_taken(serve: Serve) -> None:
    heard = serve(body=b"x" * 65537)
    outbound = Outbound(loopback=True)
    with pytest.raises(Unavailable, match="more than"):
        outbound.get(f"http://localhost:{heard.port}/")
    assert len(outbound.get(f"http://localhost:{heard.port}/", max_bytes=65537).body) == 65537


def test_an_encoded_answer_is_not_unpacked(serve: Serve) -> None:
    heard = serve(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    with pytest.raises(Unavailable, match="encoding"):
        Outbound(loopback=True).get(f"http://localhost:{heard.port}/")


def test_nothing_listening_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Outbound(loopback=True).get("http://localhost:1/")


def test_proxies_of_the_environment_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = serve(body=b"direct")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert Outbound(loopback=True).get(f"http://127.0.0.1:{heard.port}/").body == b"direct"
