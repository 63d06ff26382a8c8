from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import datasets, evaluate, linear_model, metrics, preprocessing
from river import stream as river_stream
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from models.evaluation import AlertMark, Prequential, report_together

RISK = st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.2, 0.7]), st.floats(0.0, 1.0))
ALERT = st.one_of(
    st.none(),
    st.builds(AlertMark, st.integers(0, 20), st.integers(0, 20), st.floats(-100.0, 1e6)),
)
PART = st.tuples(st.booleans(), st.lists(RISK, max_size=9), ALERT)
PARTS = st.lists(PART, max_size=25)

Part = tuple[bool, list[float | None], AlertMark | None]


def _counted(parts: list[Part], capacity: int | None = None) -> Prequential:
    referee = Prequential(budget=0.2, capacity=capacity)
    for i, (outcome, risks, alert) in enumerate(parts):
        referee.update(f"P-{i}", outcome, risks, alert)
    return referee


def _model() -> object:
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


def test_the_figures_are_those_of_a_hand_written_loop() -> None:
    """Predict and keep; when the result arrives, measure, and only then learn."""
    latency = 50
    threshold = 0.6

    by_hand = _model()
    waiting: dict[int, float] = {}
    rows = list(datasets.Phishing())
    risks, outcomes = [], []
    for i in range(len(rows) + latency):
        if i >= latency:
            x, y = rows[i - latency]
            risks.append(waiting.pop(i - latency))
            outcomes.append(bool(y))
            by_hand.learn_one(x, y)
        if i < len(rows):
            waiting[i] = by_hand.predict_proba_one(rows[i][0])[True]

    learner = _model()
    referee = Prequential(budget=0.1)
    ledger: dict[int, float] = {}
    for i, x, y in river_stream.simulate_qa(datasets.Phishing(), moment=None, delay=latency):
        if y is None:
            ledger[i] = learner.predict_proba_one(x)[True]
            continue
        risk = ledger.pop(i)
        alert = AlertMark(0, 0, float(latency)) if risk > threshold else None
        referee.update(str(i), bool(y), [risk], alert)
        learner.learn_one(x, y)
    answer = referee.report()

    assert answer.parts == len(rows) == 1250
    assert answer.last.auc == pytest.approx(roc_auc_score(outcomes, risks), abs=1e-12)
    assert answer.last.ap == pytest.approx(average_precision_score(outcomes, risks), abs=1e-12)
    rate = sum(outcomes) / len(outcomes)
    assert answer.last.brier_skill == pytest.approx(
        1 - brier_score_loss(outcomes, risks) / (rate * (1 - rate))
    )
    caught = sum(y and p > threshold for p, y in zip(risks, outcomes, strict=True))
    assert answer.alarms.true_alarms == caught
    assert answer.alarms.missed == sum(outcomes) - caught


def test_the_decisions_are_worth_what_rivers_own_delayed_validation_says() -> None:
    learner = _model()
    referee = Prequential(budget=0.1)
    ledger: dict[int, float] = {}
    for i, x, y in river_stream.simulate_qa(datasets.Phishing(), moment=None, delay=30):
        if y is None:
            ledger[i] = learner.predict_proba_one(x)[True]
            continue
        risk = ledger.pop(i)
        # River's classifiers answer the first of equally probable classes, which is False.
        referee.update(str(i), bool(y), [risk], AlertMark(0, 0, 30.0) if risk > 0.5 else None)
        learner.learn_one(x, y)
    metric = metrics.MCC() + metrics.Precision() + metrics.Recall()
    evaluate.progressive_val_score(datasets.Phishing(), _model(), metric, delay=30)
    alarms = referee.report().alarms
    assert [alarms.mcc, alarms.precision, alarms.recall] == pytest.approx(metric.get())


@settings(max_examples=100, deadline=None)
@given(PARTS, st.data())
def test_corrected_results_give_the_figures_of_having_been_right_from_the_start(
    parts: list[Part], data: st.DataObject
) -> None:
    """Each part is counted with some outcome, revised any number of times, and ends right."""
    referee = Prequential(budget=0.2)
    for i, (outcome, risks, alert) in enumerate(parts):
        history = data.draw(st.lists(st.sampled_from([True, False, None]), max_size=3))
        first = data.draw(st.booleans()) if history else outcome
        referee.update(f"P-{i}", first, risks, alert)
        for revision in history:
            if revision is None:
                referee.withdraw(f"P-{i}")
            else:
                referee.correct(f"P-{i}", revision)
        if history:
            referee.correct(f"P-{i}", outcome)
    assert referee.report() == _counted(parts).report()


@settings(max_examples=50, deadline=None)
@given(PARTS, st.data())
def test_a_withdrawn_part_might_never_have_been_counted(
    parts: list[Part], data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.integers(0, max(0, len(parts) - 1))))
    referee = _counted(parts)
    for i in gone:
        referee.withdraw(f"P-{i}")
    assert referee.report() == _counted([p for i, p in enumerate(parts) if i not in gone]).report()


@settings(max_examples=100, deadline=None)
@given(PARTS, st.integers(1, 30))
def test_a_bounded_evaluator_says_what_the_latest_parts_say(
    parts: list[Part], capacity: int
) -> None:
    assert _counted(parts, capacity).report(draws=3) == _counted(parts[-capacity:]).report(draws=3)


@settings(max_examples=50, deadline=None)
@given(PARTS, PARTS)
def test_two_lines_together_are_one_line_with_the_parts_of_both(
    first: list[Part], second: list[Part]
) -> None:
    together = report_together({"b": _counted(second), "a": _counted(first)}, draws=3)
    assert together == _counted(first + second).report(draws=3)


def test_memory_stays_bounded_when_capacity_is() -> None:
    referee = Prequential(budget=0.1, capacity=100)
    for i in range(1000):
        referee.update(f"P-{i}", i % 7 == 0, [0.1])
    assert "P-899" not in referee
    assert "P-900" in referee
    assert {len(v) for v in vars(referee).values() if hasattr(v, "__len__")} == {100, 4}


def test_a_correction_of_a_part_that_has_left_changes_nothing() -> None:
    referee = _counted([(False, [0.1], None), (True, [0.2], None), (False, [0.3], None)], 2)
    before = referee.report()
    for change in (lambda: referee.correct("P-0", True), lambda: referee.withdraw("P-0")):
        change()
        assert referee.report() == before


def test_a_new_generation_of_a_serial_number_is_another_part() -> None:
    referee = Prequential(budget=0.1, capacity=2)
    referee.update("P-1", False, [0.1])
    referee.update("P-1", False, [0.9])
    referee.correct("P-1", True)
    assert referee.report().last.auc == 1.0
    referee.update("P-2", False, [0.2])
    assert "P-1" in referee, "the older generation left, the newer is still kept"
    assert referee.report().last.auc == 1.0


@pytest.mark.parametrize(
    ("events", "places"),
    [
        (1, [1, 1, 1, 1]),
        (2, [1, 1, 2, 2]),
        (3, [1, 2, 3, 3]),
        (4, [1, 2, 3, 4]),
        (5, [2, 3, 4, 5]),
        (15, [4, 8, 12, 15]),
    ],
)
def test_each_quarter_is_the_risk_after_that_share_of_events_rounded_up(
    events: int, places: list[int]
) -> None:
    referee = Prequential(budget=0.1)
    referee.update("P-1", True, [n / 100 for n in range(1, events + 1)])
    answer = referee.report()
    found = [s.mean_risk for s in (answer.q1, answer.q2, answer.q3, answer.q4)]
    assert found == [place / 100 for place in places]
    assert answer.last.mean_risk == events / 100


def test_parts_are_left_out_where_nothing_was_learnt_yet_and_counted() -> None:
    referee = Prequential(budget=0.1)
    referee.update("untrained", True, [None, None, None, None])
    referee.update("never scored", True, [])
    referee.update("trained half-way", True, [None, None, 0.3, 0.4])
    referee.update("trained", False, [0.1, 0.1, 0.1, 0.1])
    answer = referee.report()
    assert (answer.parts, answer.fails, answer.without_risk) == (4, 3, 2)
    assert [s.parts for s in (answer.q1, answer.q2, answer.q3, answer.q4)] == [1, 1, 2, 2]
    assert answer.last.auc == 1.0


def test_lead_time_counts_the_events_and_the_minutes_that_were_left() -> None:
    referee = Prequential(budget=0.1)
    referee.update("P-1", True, [0.1, 0.2, 0.8, 0.9, 0.9], AlertMark(2, 2, 5400.0))
    lead = referee.report().lead
    assert lead.seen is not None
    assert lead.stations is not None
    assert lead.minutes is not None
    assert (lead.seen.median, lead.stations.median, lead.minutes.median) == (3.0, 2.0, 90.0)


def test_the_last_risk_is_the_last_that_was_known() -> None:
    referee = Prequential(budget=0.1)
    referee.update("P-1", True, [0.2, 0.3, None, None])
    assert referee.report().last.mean_risk == 0.3


def test_a_report_can_be_asked_for_at_any_time_without_changing_anything() -> None:
    referee = Prequential(budget=0.1)
    assert referee.report().parts == 0
    referee.update("P-1", True, [0.2])
    assert referee.report() == referee.report()
    referee.update("P-2", False, [0.1])
    assert referee.report().parts == 2


@pytest.mark.parametrize("risk", [1.5, -0.1, math.nan, math.inf])
def test_a_risk_that_is_no_probability_is_refused_and_leaves_no_trace(risk: float) -> None:
    referee = Prequential(budget=0.1)
    with pytest.raises(ValueError, match="probability from 0 to 1"):
        referee.update("P-1", True, [risk])
    assert referee.report().parts == 0
    assert "P-1" not in referee


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prequential(budget=5), "from 0 to 1, not 5"),
        (lambda: Prequential(budget=0.1, capacity=0), "not 0"),
        (lambda: report_together({}), "need one budget"),
        (
            lambda: report_together({"a": Prequential(budget=0.1), "b": Prequential(budget=0.2)}),
            r"\[0.1, 0.2\]",
        ),
        (
            lambda: Prequential(budget=0.1).update("P", True, [0.1], AlertMark(0, 0, math.nan)),
            "no finite time",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
