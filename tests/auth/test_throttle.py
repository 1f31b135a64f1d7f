"""Rate limits hold with and without the cache."""

from __future__ import annotations

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.auth import throttle as module
from gateway.auth.shared import SharedCache
from gateway.auth.throttle import Throttle
from gateway.core.errors import TooMany
from gateway.core.settings import Settings


class FixedTime:
    """Stands in for the module `time`, so that no window ends in the midst of a test."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> FixedTime:
    made = FixedTime()
    monkeypatch.setattr(module, "time", made)
    return made


def admitted(throttle: Throttle, name: str, times: int) -> int:
    count, waits = 0, []
    for _ in range(times):
        try:
            throttle.count(name, limit=4, seconds=60)
        except TooMany as error:
            waits.append(error.retry_after)
        else:
            count += 1
    assert all(wait is not None and 0 < wait <= 61 for wait in waits)
    return count


def test_workers_count_together_in_the_cache(settings: Settings, clean_cache: None, fixed: FixedTime) -> None:
    assert settings.redis_url
    with redis.Redis.from_url(settings.redis_url) as cache:
        first, second = (Throttle(SharedCache(cache), workers=2) for _ in range(2))
        assert admitted(first, "a", 3) + admitted(second, "a", 3) == 4
        assert admitted(first, "b", 1) == 1
        fixed.now += 60
        assert admitted(second, "a", 1) == 1


@pytest.mark.parametrize("dead", [True, False])
def test_without_the_cache_each_worker_allows_its_share_only(fixed: FixedTime, dead: bool) -> None:
    cache = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0)) if dead else None
    throttle = Throttle(SharedCache(cache), workers=2)
    assert admitted(throttle, "a", 9) == 2
    assert admitted(throttle, "b", 9) == 2
    fixed.now += 60
    assert admitted(throttle, "a", 9) == 2
    if cache is not None:
        cache.close()
