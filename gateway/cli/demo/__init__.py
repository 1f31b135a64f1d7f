"""`pdmp demo`: the whole way on one machine, from a pharmacy's file to a page in an EHR's frame.

addresses.py      which port is whose
population.py     ASAP files, given or synthetic, loaded once
people.py         who is in the store: persons for the EHR, prescribers for accounts
registrations.py  accounts and clients at the gateway, the EHR at the app
hospital.py       the EHR double's file
processes.py      gateway, app and EHR double, each with the environment that is its own
command.py        all of that, in order
"""

from __future__ import annotations

from gateway.cli.demo.verb import command

__all__ = ["command"]
