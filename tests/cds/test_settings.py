"""The settings of CDS Hooks: wrong ones stop the start."""

from __future__ import annotations

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings


def test_a_card_on_patient_view_is_the_default_and_no_app_is_named() -> None:
    settings = Settings.from_env({})
    assert settings.cds_patient_view is True
    assert settings.cds_app_launch_url is None
    assert Settings.from_env({"PDMP_CDS_PATIENT_VIEW": "never"}).cds_patient_view is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PDMP_CDS_PATIENT_VIEW", "sometimes"),
        ("PDMP_CDS_APP_LAUNCH_URL", "http://app.example/launch"),
        ("PDMP_CDS_APP_LAUNCH_URL", "/launch"),
        ("PDMP_CDS_APP_LAUNCH_URL", "https://u:p@app.example/launch"),
        ("PDMP_CDS_APP_LAUNCH_URL", "https://app.example/launch#x"),
        ("PDMP_CDS_LAUNCH_URL", "https://app.example/launch"),
    ],
)
def test_wrong_settings_stop_the_start(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        Settings.from_env({name: value})
