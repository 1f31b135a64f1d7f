"""One frozen settings object, read from documented `PDMP_*` variables and nothing else.

An unknown `PDMP_*` variable refuses to start: a misspelt security switch must not be silent.
`PDMP_APP_*` belongs to `smart_app` and `PDMP_EHR_*` to the EHR double; both refuse their own unknowns.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gateway.core import sign_in_settings
from gateway.core.errors import Misconfigured
from gateway.core.sign_in_settings import SignInSettings

_FOREIGN = ("PDMP_APP_", "PDMP_EHR_")
_NUMBER = re.compile(r"\d{10}|[A-Z][A-Z9]\d{7}", re.ASCII)

#: Every variable: name -> what it says. The README's table is checked against this one by a test.
DOCUMENTED: dict[str, str] = {
    "PDMP_HOME": "Folder of state: embedded servers' data, keys, demo.json. Default `.pdmp`.",
    "PDMP_BASE_URL": "The only source of every URL we emit, without trailing slash. "
    "Default `http://localhost:8000`.",
    "PDMP_IDENTIFIER_BASE": "Start of identifier systems and our own StructureDefinitions; "
    "fixed at the first migration. Default: the base URL then.",
    "PDMP_DATABASE_URL": "PostgreSQL URL of the gateway. Unset: embedded PostgreSQL.",
    "PDMP_MIGRATION_DATABASE_URL": "PostgreSQL URL for `pdmp migrate`, where the gateway's own "
    "login may not alter tables. Default: PDMP_DATABASE_URL.",
    "PDMP_REDIS_URL": "Redis or Valkey URL. Unset: embedded Valkey.",
    "PDMP_KEYS_DIR": "Folder of the encryption and hashing keys (0600 files). Default `$PDMP_HOME/keys`.",
    "PDMP_DATA_KEY": "The encryption key, 32 bytes in base64, instead of `data.key` in that folder. Several, "
    "comma separated: the first encrypts, the others open what they encrypted.",
    "PDMP_DATA_KEY_FILE": "A file with the same, one key a line.",
    "PDMP_MAPPINGS": "Folder of the mapping tables. Default: `mappings` beside the package.",
    "PDMP_JURISDICTION": "Jurisdiction code; names a table in `mappings/jurisdictions`. Default KY.",
    "PDMP_PART2_DISPENSERS": "NPI or DEA numbers of opioid treatment programmes (42 CFR Part 2), "
    "comma separated, beside those of the jurisdiction's table.",
    "PDMP_OUTBOUND_ALLOW": "Private hosts or networks that we may call over https, comma separated.",
    "PDMP_CDS_APP_LAUNCH_URL": "The app's SMART launch URL, as registered at the EHRs: where the cards of "
    "our CDS Hooks services lead. Unset: no service is offered.",
    "PDMP_CDS_PATIENT_VIEW": "`always` or `never`: whether the hook patient-view returns its card. "
    "Default always.",
    "PDMP_TEST_TODAY": "YYYY-MM-DD: the clinical and ingest date; loopback base URL only.",
    "PDMP_BIND": "Address and port that gunicorn listens on. Default: `127.0.0.1` and the port of "
    "the base URL.",
    "PDMP_TLS_CERTIFICATE": "Certificate chain (PEM): gunicorn speaks TLS itself, 1.2 or later. "
    "Unset: a proxy does.",
    "PDMP_TLS_KEY": "Its private key (PEM).",
    **sign_in_settings.DOCUMENTED,
    "PDMP_WORKERS": "Gunicorn processes. Default: one a core.",
    "PDMP_THREADS": "Threads a process, at most 2. Default 2.",
    "PDMP_LOG_LEVEL": "Level of the JSON log on standard error. Default INFO.",
    "PDMP_DEMO_FILES": "ASAP files or folders that `pdmp demo` loads, colon separated; "
    "empty: none. Default: a synthetic population.",
    "PDMP_DEMO_PATIENTS": "Size of the synthetic population of `pdmp demo`. Default 40; 0: none.",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one process. Secrets (URLs with passwords) are never in `repr`."""

    home: Path
    base_url: str
    identifier_base: str | None
    database_url: str | None = field(repr=False)
    migration_database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    keys_dir: Path
    data_key: str | None = field(repr=False)
    data_key_file: Path | None
    mappings_dir: Path
    jurisdiction: str
    part2_dispensers: frozenset[str]
    outbound_allow: tuple[str, ...]
    cds_app_launch_url: str | None
    cds_patient_view: bool
    test_today: dt.date | None
    bind: str
    tls_certificate: Path | None
    tls_key: Path | None
    sign_in: SignInSettings
    workers: int
    threads: int
    log_level: str
    demo_files: tuple[str, ...] | None
    demo_patients: int

    @property
    def fhir_base(self) -> str:
        """Return the FHIR base URL."""
        return f"{self.base_url}/fhir"

    @property
    def issuer(self) -> str:
        """Return the OAuth issuer: the base URL."""
        return self.base_url

    @property
    def loopback(self) -> bool:
        """Return whether the base URL is on this machine only."""
        return is_loopback(self.base_url)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of `environ` (default: the process's). Raises Misconfigured."""
        env = os.environ if environ is None else environ
        _refuse_unknown(env)
        home = Path(env.get("PDMP_HOME") or ".pdmp").absolute()
        base_url = _base_url(env.get("PDMP_BASE_URL") or "http://localhost:8000")
        test_today = _date(env.get("PDMP_TEST_TODAY"))
        if test_today and not is_loopback(base_url):
            raise Misconfigured("PDMP_TEST_TODAY is refused: the base URL is not loopback.")
        database_url = env.get("PDMP_DATABASE_URL") or None
        files = env.get("PDMP_DEMO_FILES")
        tls = _tls(env, base_url)
        return cls(
            home=home,
            base_url=base_url,
            identifier_base=_identifier_base(env.get("PDMP_IDENTIFIER_BASE")),
            database_url=database_url,
            migration_database_url=env.get("PDMP_MIGRATION_DATABASE_URL") or database_url,
            redis_url=env.get("PDMP_REDIS_URL") or None,
            keys_dir=Path(env.get("PDMP_KEYS_DIR") or home / "keys").absolute(),
            data_key=env.get("PDMP_DATA_KEY") or None,
            data_key_file=_data_key_file(env),
            mappings_dir=Path(env.get("PDMP_MAPPINGS") or _default_mappings()).absolute(),
            jurisdiction=(env.get("PDMP_JURISDICTION") or "KY").upper(),
            part2_dispensers=_part2(env.get("PDMP_PART2_DISPENSERS")),
            outbound_allow=tuple(_list(env.get("PDMP_OUTBOUND_ALLOW"))),
            cds_app_launch_url=_launch_url(env.get("PDMP_CDS_APP_LAUNCH_URL")),
            cds_patient_view=_choice(env, "PDMP_CDS_PATIENT_VIEW", "always", "never") == "always",
            test_today=test_today,
            bind=env.get("PDMP_BIND") or _default_bind(base_url),
            tls_certificate=tls[0],
            tls_key=tls[1],
            sign_in=SignInSettings.of(env, loopback=is_loopback(base_url)),
            workers=_number(env, "PDMP_WORKERS", os.cpu_count() or 1, low=1, high=256),
            threads=_number(env, "PDMP_THREADS", 2, low=1, high=2),
            log_level=_choice(
                env, "PDMP_LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL", fold=str.upper
            ),
            demo_files=None if files is None else tuple(p for p in files.split(":") if p),
            demo_patients=_number(env, "PDMP_DEMO_PATIENTS", 40, low=0, high=1_000_000),
        )


def is_loopback(url: str) -> bool:
    """Return whether the host of `url` is `localhost`, `*.localhost`, 127.0.0.0/8 or ::1."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_unknown(env: Mapping[str, str]) -> None:
    unknown = sorted(
        name
        for name in env
        if name.startswith("PDMP_") and name not in DOCUMENTED and not name.startswith(_FOREIGN)
    )
    if unknown:
        raise Misconfigured(f"Unknown setting: {', '.join(unknown)}. The README lists all of them.")


def _base_url(text: str) -> str:
    parts = _http_url("PDMP_BASE_URL", text)
    if parts.username or parts.password:
        raise Misconfigured("PDMP_BASE_URL must not hold credentials.")
    if text.endswith("/"):
        raise Misconfigured("PDMP_BASE_URL must not end in a slash.")
    if parts.scheme == "http" and not is_loopback(text):
        raise Misconfigured("PDMP_BASE_URL must be https, except on loopback.")
    return text


def _identifier_base(text: str | None) -> str | None:
    base = (text or "").rstrip("/")
    if base:
        _http_url("PDMP_IDENTIFIER_BASE", base)
    return base or None


def _http_url(name: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # out of range: ValueError
    except ValueError:
        raise Misconfigured(f"{name} is not a URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(f"{name} must be an absolute http or https URL.")
    return parts


def _launch_url(text: str | None) -> str | None:
    if not text:
        return None
    parts = urlsplit(text)
    plain = parts.scheme == "http" and is_loopback(text)
    if not parts.hostname or parts.username or parts.fragment or not (parts.scheme == "https" or plain):
        raise Misconfigured("PDMP_CDS_APP_LAUNCH_URL must be an absolute https URL (http on loopback).")
    return text


def _data_key_file(env: Mapping[str, str]) -> Path | None:
    path = env.get("PDMP_DATA_KEY_FILE")
    if path and env.get("PDMP_DATA_KEY"):
        raise Misconfigured("PDMP_DATA_KEY and PDMP_DATA_KEY_FILE exclude each other.")
    return Path(path).absolute() if path else None


def _tls(env: Mapping[str, str], base_url: str) -> tuple[Path | None, Path | None]:
    certificate, key = env.get("PDMP_TLS_CERTIFICATE"), env.get("PDMP_TLS_KEY")
    if not certificate and not key:
        return None, None
    if not certificate or not key:
        raise Misconfigured("PDMP_TLS_CERTIFICATE and PDMP_TLS_KEY go together.")
    if not base_url.startswith("https:"):
        raise Misconfigured("With PDMP_TLS_CERTIFICATE, PDMP_BASE_URL must be https.")
    for name, path in (("PDMP_TLS_CERTIFICATE", certificate), ("PDMP_TLS_KEY", key)):
        if not Path(path).is_file():
            raise Misconfigured(f"{name} names no file.")
    return Path(certificate).absolute(), Path(key).absolute()


def _choice(
    env: Mapping[str, str], name: str, default: str, *others: str, fold: Callable[[str], str] = str
) -> str:
    value = fold(env.get(name) or default)
    if value not in (default, *others):
        raise Misconfigured(f"{name} must be {' or '.join((default, *others))}.")
    return value


def _default_bind(base_url: str) -> str:
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # Behind a TLS proxy the public port is the proxy's; 8000 is ours then.
    return f"127.0.0.1:{port if is_loopback(base_url) else 8000}"


def _default_mappings() -> Path:
    return Path(__file__).resolve().parents[2] / "mappings"


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _part2(text: str | None) -> frozenset[str]:
    numbers = frozenset(number.upper() for number in _list(text))
    # A misspelt one would leave its patients unprotected.
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        raise Misconfigured("PDMP_PART2_DISPENSERS must hold NPI or DEA numbers.")
    return numbers


def _date(text: str | None) -> dt.date | None:
    if not text:
        return None
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        date = None
    if date is None or date.isoformat() != text:  # ISO 8601 has other spellings
        raise Misconfigured("PDMP_TEST_TODAY must be YYYY-MM-DD.")
    return date


def _number(env: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isdigit() or not low <= int(text) <= high:
        raise Misconfigured(f"{name} must be a whole number from {low} to {high}.")
    return int(text)
