"""One house for all attacks that leave it as it was: each registers clients and accounts of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.embedded import Urls
from tests.conftest import make_settings
from tests.security.house import WHO, House, run_house
from tests.support.databases import fresh_database
from tests.support.smart_browser import Browser
from tests.support.smart_program import USER


@pytest.fixture(scope="package")
def house(servers: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with fresh_database(servers) as database:
        settings = make_settings(
            servers, database, folder, PDMP_CDS_APP_LAUNCH_URL="https://app.example/launch"
        )
        with run_house(settings, folder) as made:
            yield made


@pytest.fixture
def browser(house: House) -> Browser:
    return house.browser()


@pytest.fixture(scope="package")
def signed_in(house: House) -> Browser:
    """A browser in which the user has signed in; a test that signs out or in takes its own."""
    made = house.browser()
    made.authorize(house.app(), WHO, user=USER)
    return made
