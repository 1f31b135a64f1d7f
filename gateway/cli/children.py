"""Processes that a verb runs beside each other: started together, stopped together, none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.core.errors import Unavailable
from gateway.embedded import processes

GUNICORN = ["-m", "gunicorn", "-c", "python:gateway.gunicorn_conf"]

_ROOT = Path(__file__).resolve().parents[2]
_PAUSE = 0.2
_PATIENCE = 25.0


@dataclass(slots=True)
class Children:
    """The running children by name. Their logs (0600) lie in `logs`; None: on our own output."""

    logs: Path | None
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, arguments: list[str], env: Mapping[str, str]) -> None:
        """Start our Python with `arguments`, in a session of its own, which ends when we do."""
        self.running[name] = processes.start(
            [sys.executable, *arguments],
            folder=_ROOT,
            log=self.logs / f"{name}.log" if self.logs else None,
            account=None,
            death_signal=signal.SIGTERM,
            env=env,
        )

    def died(self) -> str | None:
        """Return the name of a child that has ended, or None."""
        return next((name for name, child in self.running.items() if child.poll() is not None), None)

    def last_words(self, name: str) -> str:
        """Return the end of a child's log."""
        if self.logs is None:
            return ""
        with contextlib.suppress(OSError):
            lines = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-12:]
            return "\n".join(f"  {line}" for line in lines)
        return ""

    def watch(self, others: Callable[[], str | None]) -> None:
        """Return never by itself: Unavailable names the child, or what `others` names, that ended."""
        parent = os.getppid()
        while True:
            gone = self.died()
            if gone:
                raise Unavailable(
                    f"{gone} has ended; everything is stopped.\n{self.last_words(gone)}".rstrip()
                )
            server = others()
            if server:
                raise Unavailable(f"{server} has ended; everything is stopped.")
            if "MAKELEVEL" in os.environ and os.getppid() != parent:
                raise Unavailable("make is gone; everything is stopped.")
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """Stop all at once; whatever is left of a child's process group after its patience is killed."""
        for child in self.running.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        for child in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait(5)
        self.running.clear()


@contextmanager
def children(logs: Path | None) -> Iterator[Children]:
    """Yield the children of a block; they are stopped at its end, whatever ends it.

    Being told to stop, by Ctrl-C or SIGTERM, is a good end: exit status 0.
    """
    held = Children(logs)
    try:
        yield held
    except KeyboardInterrupt:
        raise SystemExit(0) from None
    except SystemExit as error:
        told = error.code in (128 + signal.SIGTERM, 128 + signal.SIGHUP)
        raise SystemExit(0 if told else error.code) from None
    finally:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        held.stop()
