"""How XML is parsed here: no document type, no entity, no network, libxml2's own limits kept."""

from __future__ import annotations

from typing import Any

from lxml import etree


def parser() -> Any:
    """Return a parser for one document; a parser keeps state and is not shared by threads."""
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
