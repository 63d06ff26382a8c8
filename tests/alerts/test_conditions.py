"""A condition is said when it begins, when it has doubled and when it ends."""

from __future__ import annotations

from alerts.alarms import Alarms
from alerts.alert import Affected, Alert, Reason
from alerts.conditions import Cause, Conditions
from stream.testing import at

RULE, SUBJECT = "sensor.dead", "press"


def cause(size: int = 1) -> Cause:
    return Cause("medium", "no_reading", SUBJECT, size=size)


class Story:
    """Conditions whose alerts are numbered."""

    def __init__(self) -> None:
        self.alarms = Alarms()
        self.conditions = Conditions("A", self.alarms)
        self.said = 0

    def identify(self, rule: str, subject: str) -> str:
        self.said += 1
        return f"{rule}/{self.said}"

    def due(self, now: float = 0.0) -> list[Alert]:
        return self.conditions.due(at(0), now, self.identify)

    def begin(self, size: int = 1) -> None:
        self.conditions.begin(RULE, SUBJECT, cause(size))

    def end(self) -> None:
        self.conditions.end(RULE, SUBJECT, "reading_again")


def test_what_holds_on_is_said_once() -> None:
    story = Story()
    story.begin()
    assert [alert.type for alert in story.due()] == [RULE]
    story.begin()
    assert story.due() == []


def test_what_has_doubled_is_said_again_as_the_same_alarm() -> None:
    story = Story()
    story.begin(2)
    [first] = story.due()
    story.begin(3)
    assert story.due() == []
    story.begin(4)
    [second] = story.due()
    assert (second.alarm, second.supersedes) == (first.alarm, first.id)


def test_an_end_names_the_alarm_and_the_next_time_is_another_alarm() -> None:
    story = Story()
    story.begin()
    [first] = story.due()
    story.end()
    [over] = story.due()
    assert (over.type, over.alarm, over.supersedes) == ("alarm.cleared", first.id, first.id)
    state = story.alarms.find(first.id)
    assert state is not None
    assert not state.active
    story.begin()
    [again] = story.due()
    assert again.alarm != first.alarm


def test_under_maintenance_nothing_is_said_and_then_what_still_holds() -> None:
    story = Story()
    story.alarms.suppress("maintenance", until=100.0)
    story.begin()
    assert story.due(50.0) == story.due(60.0) == []
    assert story.conditions.withheld == {"maintenance": 1}
    [alert] = story.due(100.0)
    assert alert.type == RULE


def test_what_came_and_went_under_maintenance_is_never_said() -> None:
    story = Story()
    story.alarms.suppress("maintenance", until=100.0)
    story.begin()
    assert story.due(50.0) == []
    story.end()
    assert story.due(200.0) == []


def test_a_shelved_alarm_ends_in_silence_until_its_time_is_over() -> None:
    story = Story()
    story.begin()
    [alert] = story.due()
    assert story.alarms.respond(alert.alarm, "shelve", until=100.0)
    story.end()
    assert story.due(50.0) == []
    assert [alert.type for alert in story.due(100.0)] == ["alarm.cleared"]


def test_what_was_withheld_outlives_a_checkpoint() -> None:
    story = Story()
    story.alarms.suppress("maintenance", until=100.0)
    reasons = (Reason(station=SUBJECT, feature="torque", contribution=1.0),)
    affected = Affected(count=20, what="readings", since=at(0), station=SUBJECT)
    story.conditions.begin(
        RULE, SUBJECT, Cause("medium", "no_reading", SUBJECT, reasons, affected, size=2)
    )
    assert story.due(50.0) == []
    again = Story()
    again.conditions.restore(story.conditions.state())
    assert again.due(200.0) == story.due(200.0) != []


def test_what_stands_outlives_a_checkpoint() -> None:
    story = Story()
    story.begin()
    [alert] = story.due()
    again = Story()
    again.conditions.restore(story.conditions.state())
    again.begin()
    assert again.due() == []
    again.end()
    assert [over.alarm for over in again.due()] == [alert.alarm]
