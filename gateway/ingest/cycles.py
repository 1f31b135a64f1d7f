"""How often Python looks for cycles of garbage while a file is being loaded.

A large file makes a few million objects that live until its end: looking for cycles among them again and
again took a fifth of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (200_000, 50, 100)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Have cycles looked for seldom inside, and as often as before afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
