"""What an operator asks of the outbox, and may tell it."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Commands

from alerts.delivery import Verdict
from alerts.outbox import Outbox
from alerts.source import AlertMessage, Position

SETTINGS = """
[notifier]
outbox = "outbox.sqlite"
[[endpoints]]
name = "mes"
url = "https://mes.example.com/hooks/token-that-nobody-may-see"
secrets_env = ["ANDON_SECRET_MES"]
"""


@pytest.fixture
def outbox(folder: Path) -> Path:
    """Four alerts for ``mes``: delivered, pending, and two given up; then it was disabled.

    One more for an endpoint that the settings no longer have.
    """
    (folder / "andon.toml").write_text(SETTINGS)
    path = folder / "outbox.sqlite"
    messages = [
        AlertMessage(f"a{n}", "part.at_risk", "high", b"{}", Position("alerts/0", n))
        for n in range(4)
    ]
    with Outbox(path) as made:
        made.accept([("mes", one) for one in messages] + [("old", messages[0])], {}, now=0.0)
        first, second, third, fourth = made.due("mes", now=0.0)
        made.record(first, Verdict("delivered"), now=1.0)
        made.record(second, Verdict("exhausted", reason="status 500"), now=1.0)
        made.record(third, Verdict("exhausted", reason="status 500"), now=1.0)
        made.record(fourth, Verdict("disabled", reason="status 410"), now=1.0)
    return path


@pytest.mark.usefixtures("outbox")
def test_the_list_says_how_deliveries_stand(andon: Commands) -> None:
    mes, old = andon("endpoints", "list", "--json").json
    assert mes == {
        "name": "mes",
        "url": "https://mes.example.com",
        "disabled": "status 410",
        "pending": 1,
        "delivered": 1,
        "exhausted": 2,
    }
    assert (old["name"], old["url"], old["pending"]) == ("old", None, 1)


@pytest.mark.usefixtures("outbox")
def test_the_list_for_people_cuts_nothing_and_shows_no_token(andon: Commands) -> None:
    done = andon("endpoints", "list")
    shown = andon("endpoints", "list", "--json").json
    assert "410" in shown[0]["disabled"]
    for one, row in zip(shown, done.out.splitlines()[1:], strict=True):
        assert row.startswith(f"{one['name']} ")
        state = f"disabled: {one['disabled']}" if one["disabled"] else "enabled"
        assert all(text in row for text in (one["url"] or "not in the settings", state))
    assert "token" not in done.out


@pytest.mark.usefixtures("outbox")
def test_given_up_alerts_are_listed_with_what_the_last_attempt_met(andon: Commands) -> None:
    done = andon("endpoints", "list", "--exhausted", "--json")
    assert [(one["alert"], one["error"]) for one in done.json] == [
        ("a1", "status 500"),
        ("a2", "status 500"),
    ]
    assert "2 alerts ran out of attempts" in andon("endpoints", "list", "--exhausted").out


def test_an_endpoint_is_enabled_again_and_gets_what_it_missed(
    andon: Commands, outbox: Path
) -> None:
    assert andon("endpoints", "enable", "mes", "--json").json == {
        "endpoint": "mes",
        "enabled": True,
    }
    assert andon("endpoints", "enable", "mes").out == "mes was not disabled\n"
    with Outbox(outbox) as made:
        assert [one.id for one in made.due("mes", now=1e12)] == ["a3"]


def test_given_up_alerts_are_queued_again(andon: Commands, outbox: Path) -> None:
    assert andon("endpoints", "requeue", "mes").out == "2 alerts are queued for mes again\n"
    assert andon("endpoints", "requeue", "mes", "--json").json["requeued"] == 0
    with Outbox(outbox) as made:
        assert made.exhausted("mes") == []


def test_asking_makes_no_outbox(andon: Commands, folder: Path) -> None:
    (folder / "andon.toml").write_text(SETTINGS)
    [mes] = andon("endpoints", "list", "--json").json
    assert (mes["disabled"], mes["pending"]) == (None, 0)
    assert not (folder / "outbox.sqlite").exists()
