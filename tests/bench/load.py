"""A load generator that costs little: one thread, raw sockets kept alive, requests made ready before.

A client in Python that parses each answer would take as much of the machine as the server and so flatter
whatever is slow. This one looks for the end of the headers and counts bytes.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as bytes on the wire, to one loopback port."""

    port: int
    raw: bytes = field(repr=False)

    @classmethod
    def make(cls, port: int, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Call:
        """Return the request; Host is `localhost` with the port, as the base URL has it."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return cls(port, ("\r\n".join(lines) + "\r\n\r\n").encode() + body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, header block in lower case, body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode()
        return None


@dataclass(slots=True)
class Measured:
    """What one burst showed: requests that ended in it, their times in seconds, its length."""

    seconds: float
    times: list[float]
    failures: int = 0

    @property
    def rate(self) -> float:
        """Return requests a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return the time in seconds below which `share` of the requests ended."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


class _Connection:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.socket = self._open()
        self.started = 0.0
        self.head = b""
        self.missing = -1
        self.status = 0
        self.body = bytearray()
        self.keep = False

    def _open(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.call.port), timeout=_MOST_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def send(self) -> None:
        self.head, self.missing, self.body = b"", -1, bytearray()
        self.started = time.perf_counter()
        self.socket.sendall(self.call.raw)

    def take(self, buffer: memoryview) -> bool:
        """Read once; return whether the answer is complete."""
        count = self.socket.recv_into(buffer)
        if count == 0:
            raise ConnectionError("closed inside an answer")
        if self.missing < 0:
            self.head += bytes(buffer[:count])
            head, found, rest = self.head.partition(b"\r\n\r\n")
            if not found:
                return False
            self._read_head(head)
            if self.keep:
                self.body += rest
            self.missing -= len(rest)
        else:
            if self.keep:
                self.body += buffer[:count]
            self.missing -= count
        return self.missing == 0

    def _read_head(self, head: bytes) -> None:
        self.head = head
        self.status = int(head[9:12])
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        if at < 0:
            raise ConnectionError("an answer without Content-Length")
        self.missing = int(lower[at + 17 :].split(b"\r\n", 1)[0])

    def again(self) -> None:
        """Reconnect when the server said that it closes."""
        if b"connection: close" in self.head.lower():
            self.socket.close()
            self.socket = self._open()


def once(call: Call) -> Answer:
    """Return the answer to one request, with its body."""
    connection = _Connection(call)
    connection.keep = True
    buffer = memoryview(bytearray(1 << 18))
    try:
        connection.send()
        while not connection.take(buffer):
            pass
        return Answer(connection.status, connection.head, bytes(connection.body))
    finally:
        connection.socket.close()


def burst(call: Call | Iterator[Call], *, concurrency: int, seconds: float, at_least: int = 3) -> Measured:
    """Return what `concurrency` connections measured in `seconds`; each ends at least `at_least` requests.

    An iterator gives every request of its own, and must not end before. Anything but 200 counts as a failure,
    not as a time.
    """
    calls = itertools.repeat(call) if isinstance(call, Call) else call
    connections = [_Connection(next(calls)) for _ in range(concurrency)]
    done = dict.fromkeys(connections, 0)
    buffer = memoryview(bytearray(1 << 18))
    measured = Measured(0.0, [])
    start = time.perf_counter()
    end, give_up = start + seconds, start + _MOST_SECONDS
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        under_way = concurrency
        while under_way and time.perf_counter() < give_up:
            for key, _ in selector.select(timeout=1.0):
                connection = key.data
                if not connection.take(buffer):
                    continue
                now = time.perf_counter()
                done[connection] += 1
                if connection.status == 200:
                    measured.times.append(now - connection.started)
                else:
                    measured.failures += 1
                measured.seconds = now - start
                if now < end or done[connection] < at_least:
                    old = connection.socket
                    connection.again()
                    if connection.socket is not old:
                        selector.unregister(old)
                        selector.register(connection.socket, selectors.EVENT_READ, connection)
                    connection.call = next(calls)
                    connection.send()
                else:
                    selector.unregister(connection.socket)
                    under_way -= 1
    for connection in connections:
        connection.socket.close()
    return measured
