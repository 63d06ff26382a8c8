"""An endpoint refuses settings that cannot work, and keeps its secrets to itself."""

from __future__ import annotations

import pytest
from webhooks import NEW_SECRET, SECRET, local_endpoint

from alerts.addresses import AddressRefused
from alerts.endpoint import Endpoint

URL = "https://hooks.example.com/t0ken"


def test_the_repr_shows_neither_secrets_nor_url():
    text = repr(Endpoint("mes", URL, (SECRET, NEW_SECRET)))
    assert "whsec_" not in text
    assert "t0ken" not in text


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "hunter2",
        "whsec_",
        "whsec_hunter2",
        "whsec_" + "QUJD" * 7,
        "whsec_" + "QUJD" * 22,
        "whsec_" + "QUJD" * 7 + "QU*D",
        "QUJD" * 8,
    ],
)
def test_a_weak_or_unreadable_secret_is_refused_without_showing_it(secret):
    with pytest.raises(ValueError, match="secret 2 is not 'whsec_'") as refused:
        Endpoint("mes", URL, (SECRET, secret))
    assert len(secret) < 7 or secret not in str(refused.value)


def test_a_secret_may_lack_its_padding():
    Endpoint("mes", URL, ("whsec_" + "QUJD" * 8 + "QUI",))


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"name": ""}, "endpoint name ''"),
        ({"name": "a b"}, "endpoint name 'a b'"),
        ({"secrets": ()}, "secrets is empty"),
        ({"min_severity": "urgent"}, "min_severity 'urgent'"),
        ({"timeout_s": 0}, "timeout_s 0"),
        ({"timeout_s": 600}, "timeout_s 600"),
        ({"timeout_s": float("nan")}, "timeout_s nan"),
        ({"allow_networks": ("10.0.0.0/8",)}, "allow_networks: '10.0.0.0/8'"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings, found):
    with pytest.raises(ValueError, match=found):
        Endpoint(**({"name": "mes", "url": URL, "secrets": (SECRET,)} | settings))


def test_a_refused_url_is_refused_at_once():
    with pytest.raises(AddressRefused, match="allow_networks"):
        Endpoint("mes", "https://127.0.0.1/", (SECRET,))
    assert local_endpoint("http://127.0.0.1:9999/").target.port == 9999


def test_an_endpoint_wants_its_types_from_its_severity_up():
    chosen = Endpoint("mes", URL, (SECRET,), types=("part.at_risk",), min_severity="medium")
    assert chosen.wants("part.at_risk", "high")
    assert chosen.wants("part.at_risk", "medium")
    assert not chosen.wants("part.at_risk", "low")
    assert not chosen.wants("line.drift", "high")
    assert chosen.wants("part.at_risk", "a severity of a later version")
    assert Endpoint("all", URL, (SECRET,)).wants("line.drift", "low")
