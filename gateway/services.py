"""What a request needs, in one frozen value: the whole of our injection."""

from __future__ import annotations

from dataclasses import dataclass, field

import redis

from gateway.auth.keys import SigningKeys
from gateway.core.clock import Clock
from gateway.core.settings import Settings
from gateway.mapping.tables import Mappings
from gateway.store.database import Database
from gateway.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Services:
    """Opened after fork, one a process. `cache` is None when no Redis or Valkey is configured."""

    settings: Settings
    clock: Clock
    database: Database
    cache: redis.Redis | None = field(repr=False)
    vault: Vault
    keys: SigningKeys = field(repr=False)
    mappings: Mappings
    identifier_base: str
