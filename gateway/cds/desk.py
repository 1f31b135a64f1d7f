"""What the endpoints share: the services on offer, who may call, how drugs are told. One a process."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from gateway.audit import card_feedback
from gateway.auth.hook_tokens import HookCaller, HookCallers
from gateway.auth.jwks import RemoteKeySets
from gateway.auth.outbound import Outbound
from gateway.auth.shared import SharedCache
from gateway.cds import cards, feedback
from gateway.cds.app_context import app_context
from gateway.cds.catalog import Service, services
from gateway.cds.drafts import needs_card
from gateway.cds.gather import gather
from gateway.cds.hook_request import read
from gateway.core.errors import NotFound
from gateway.mapping import jurisdiction, orders
from gateway.mapping.sources import Sources
from gateway.services import Services


class Desk:
    """Answers hooks. Made before the services open: only the settings are needed. Raises Misconfigured."""

    def __init__(self, services_: Services) -> None:
        settings = services_.settings
        sources = Sources(settings.mappings_dir)
        self._services = services_
        self._outbound = Outbound.of(settings)
        self._table = orders.load(sources, settings.jurisdiction)
        self._program = jurisdiction.load(sources, settings.jurisdiction).name
        self.offered: dict[str, Service] = services(self._program) if settings.cds_app_launch_url else {}

    @cached_property
    def callers(self) -> HookCallers:
        """Return who tells callers. Raises Unavailable while the services can't open."""
        remote = RemoteKeySets(self._outbound, SharedCache(self._services.cache))
        return HookCallers(self._services.database, self._services.clock, remote)

    def discovered(self) -> dict[str, Any]:
        """Return the discovery document; without an app to open there is nothing to offer."""
        return {"services": [service.as_discovered() for service in self.offered.values()]}

    def service(self, service_id: str) -> Service:
        """Return the service. Raises NotFound."""
        if service_id not in self.offered:
            raise NotFound("There is no CDS service with this id.")
        return self.offered[service_id]

    def answer(self, service: Service, body: dict[str, Any], caller: HookCaller) -> dict[str, Any]:
        """Return the cards of one call. Raises BadRequest, PreconditionFailed.

        Which cards: by the settings (patient-view) or the draft orders, before anything is fetched.
        """
        request = read(body, service, registered_server=caller.fhir_server)
        settings = self._services.settings
        if service.hook == "patient-view":
            wanted = settings.cds_patient_view
        else:
            wanted = needs_card(request.drafts, self._table)
        if not wanted:
            return {"cards": []}
        people = gather(request, self._outbound)
        made = cards.card(settings, self._program, self._services.identifier_base, app_context(people))
        return {"cards": [made]}

    def keep_feedback(self, service: Service, body: dict[str, Any], caller: HookCaller) -> None:
        """Keep feedback about cards of `service`. Raises BadRequest, Unavailable."""
        system = cards.reason_system(self._services.identifier_base)
        found = feedback.read(body, reason_system=system, now=self._services.clock.now())
        card_feedback.keep(self._services.database, caller.client_id, service.id, found)
