"""The verb itself: servers, data, registrations, files, processes, in that order."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gateway.cli.children import children
from gateway.cli.demo import people, population, processes, registrations
from gateway.cli.demo.addresses import Addresses, addresses
from gateway.cli.demo.hospital import hospital
from gateway.cli.migrate import apply_migrations
from gateway.core.settings import Settings
from gateway.embedded import Urls, embedded_servers
from gateway.embedded.place import make_home, private_folder, write_private
from gateway.store.database import Database
from gateway.store.vault import Vault


@click.command(name="demo")
def command() -> None:
    """Run gateway, app and an EHR with demonstration data, on this machine only, until told to stop.

    PORT (8000) and the next two are used; everything is kept under PDMP_HOME (.pdmp).
    """
    began = time.monotonic()
    at = addresses(os.environ)
    settings = replace(Settings.from_env({**os.environ, "PDMP_BASE_URL": at.gateway}), bind=at.bind(0))
    make_home(settings.home)
    logs = settings.home / "log"
    private_folder(logs)
    with embedded_servers(settings) as servers, children(logs) as running:
        if servers.notice:
            click.echo(servers.notice)
        settings = servers.urls.settings(settings)
        apply_migrations(settings, servers.urls)
        population.load_population(
            settings, servers.urls.owner_database_url, processes.cli_environment(settings)
        )
        app_env = processes.app_environment(settings, servers.urls, at)
        # These two take their time; meanwhile the rest is made.
        processes.start(running, "gateway", processes.gateway_environment(settings, at))
        processes.start(running, "app", app_env)
        _prepare(settings, servers.urls, at, app_env)
        processes.start(running, "ehr", processes.ehr_environment(settings, at))
        processes.wait_for_all(running, at)
        _greet(at, settings.home, began)
        running.watch(servers.died)


def _prepare(settings: Settings, urls: Urls, at: Addresses, app_env: dict[str, str]) -> None:
    """Register everybody and write `demo.json` and `ehr.json`."""
    before = registrations.read_before(settings.home / "demo.json")
    keys = registrations.app_keys(app_env)
    database = Database(urls.database_url)
    try:
        accounts = registrations.demo_accounts(
            database,
            Vault.of(settings),
            people.prescribers(urls.owner_database_url, settings.jurisdiction),
            before,
        )
        clients = registrations.demo_clients(database, at, keys, before)
    finally:
        database.close()
    registrations.register_ehr(at, {**processes.cli_environment(settings), **app_env})
    persons = people.persons(urls.owner_database_url, settings.jurisdiction)
    demo: dict[str, Any] = {
        "gateway": at.gateway,
        "fhir": settings.fhir_base,
        "app": at.app,
        "ehr": at.ehr,
        "accounts": accounts,
        "clients": clients,
        "patients": [
            {
                "id": str(person.person_id),
                "given": person.given,
                "family": person.family,
                "birthdate": person.birth_date.isoformat(),
            }
            for person in persons
        ],
    }
    _write(settings.home / "demo.json", demo)
    _write(settings.home / "ehr.json", hospital(at, keys, accounts, persons))


def _greet(at: Addresses, home: Path, began: float) -> None:
    click.echo(f"""
Ready after {time.monotonic() - began:.0f} s. Open the EHR, pick a practitioner and a patient, press PDMP:

    {at.ehr}/

    {at.gateway}/   the gateway: what is where
    {at.app}/   the app, opened by the EHR
    {home / "demo.json"}   accounts, clients and patients to try
    {home / "log"}/   what the processes say

Ctrl-C stops everything; the data stay.""")


def _write(path: Path, content: dict[str, Any]) -> None:
    write_private(path, json.dumps(content, indent=1, ensure_ascii=False).encode())
