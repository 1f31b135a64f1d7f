"""Gunicorn's configuration, read by gunicorn alone: `gunicorn -c python:gateway.gunicorn_conf …`.

One process a core with at most two threads each; more threads cost more CPU a request (measured). No
access log: the paths of FHIR reads name patients, and the audit is the record of who saw what. Nothing
that a request says about its own scheme, host or path prefix is believed: URLs come from PDMP_BASE_URL.
"""

from __future__ import annotations

import ctypes
import gc
import os
import ssl
from collections.abc import Callable
from typing import Any

from gateway.core.settings import Settings

_settings = Settings.from_env()

wsgi_app = "gateway.wsgi:application()"
bind = _settings.bind
# Without the two a proxy in front of us speaks TLS.
certfile = str(_settings.tls_certificate) if _settings.tls_certificate else None
keyfile = str(_settings.tls_key) if _settings.tls_key else None
worker_class = "gateway.web.worker.Worker"
workers = _settings.workers
threads = _settings.threads

# Each worker opens its own database connections and keys: nothing may be made before the fork.
preload_app = False

timeout = 60  # a worker that doesn't answer its master for so many seconds is replaced
graceful_timeout = 20
keepalive = 15
backlog = 512

limit_request_line = 8190  # page links are long
limit_request_fields = 64
limit_request_field_size = 8190

accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()
proc_name = "pdmp-gateway"

# The heartbeat file belongs in memory: on a slow disk it would block the worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
control_socket_disable = True

# glibc's mallopt(3) parameters.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def post_worker_init(_worker: object) -> None:
    """Spare each request what a long history costs in page faults and collections of garbage.

    glibc gives the memory of a large answer back to the kernel and asks for it anew at the next one, page by
    page: half of a long history's time (measured). What was loaded at the start is not garbage.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # else another C library than glibc
        mallopt(_MMAP_THRESHOLD, 32 << 20)
        mallopt(_TRIM_THRESHOLD, 128 << 20)
        mallopt(_TOP_PAD, 4 << 20)
    gc.collect()
    gc.freeze()


def ssl_context(_config: object, default: Callable[[], Any]) -> ssl.SSLContext:
    """Return gunicorn's TLS context with TLS 1.2 as its floor (SMART App Launch 2.2, section 3)."""
    context: ssl.SSLContext = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
