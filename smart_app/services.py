"""Everything that a request needs, built once a process: our whole injection container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from smart_app.discovery import Discovery
from smart_app.ehr_client import EhrClient
from smart_app.gateway_client import GatewayClient
from smart_app.keys import Keyring
from smart_app.outbound import Outbound
from smart_app.registrations import Registrations
from smart_app.session import Sessions
from smart_app.settings import Settings
from smart_app.store.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one app. Nothing connects until it is used."""

    settings: Settings
    keys: Keyring
    database: Database
    registrations: Registrations
    sessions: Sessions
    ehr: EhrClient
    gateway: GatewayClient

    @classmethod
    def build(cls, settings: Settings) -> Services:
        """Return the services of `settings`. Raises Misconfigured."""
        keys = Keyring.open(settings.keys_dir)
        database = Database(settings.database_url)
        outbound = Outbound(
            loopback=settings.loopback, allow=settings.outbound_allow, ca_file=settings.ca_file
        )
        discovery = Discovery(outbound)
        return cls(
            settings=settings,
            keys=keys,
            database=database,
            registrations=Registrations(database, keys),
            sessions=Sessions(settings.redis_url, keys),
            ehr=EhrClient(outbound, discovery, keys, settings.redirect_uri),
            gateway=GatewayClient(outbound, discovery, keys, settings.gateway_fhir),
        )

    def close(self) -> None:
        """Close what is open."""
        self.database.close()
        self.sessions.disconnect()


def install(app: Flask, services: Services) -> None:
    """Make `services` those of `app`."""
    app.extensions["smart_app"] = services


def current() -> Services:
    """Return the services of the app that answers this request."""
    return cast(Services, current_app.extensions["smart_app"])
