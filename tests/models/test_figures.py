from __future__ import annotations

import json

import numpy as np

from models.figures import Scores, Spread, evaluate


def _scores(risks: list[float], fails: list[int], flagged: list[int]) -> Scores:
    n = len(risks)
    return Scores(
        risks=np.tile(np.array(risks, float), (4, 1)),
        fails=np.array(fails, bool),
        flagged=np.array(flagged, bool),
        seen=np.arange(n, dtype=float) + 1,
        ahead=np.arange(n, dtype=float) * 2,
        minutes=np.arange(n, dtype=float) * 10,
    )


def test_alarms_are_counted_over_the_parts_that_got_a_risk() -> None:
    nan = float("nan")
    answer = evaluate(
        _scores([0.9, 0.8, 0.1, 0.2, nan, nan], [1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0]),
        budget=0.5,
    )
    alarms = answer.alarms
    assert (alarms.true_alarms, alarms.false_alarms, alarms.missed, alarms.left_alone) == (
        1,
        1,
        1,
        1,
    )
    assert (alarms.flagged, alarms.precision, alarms.recall, alarms.mcc) == (0.5, 0.5, 0.5, 0.0)
    assert (answer.parts, answer.fails, answer.without_risk, answer.last.parts) == (6, 3, 2, 4)


def test_lead_times_are_those_of_true_alarms_only() -> None:
    answer = evaluate(_scores([0.9] * 5, [1, 1, 0, 0, 1], [1, 1, 1, 1, 0]), budget=0.5)
    assert answer.lead.minutes == Spread(median=5.0, p10=1.0, p90=9.0)
    assert answer.lead.stations == Spread(median=1.0, p10=0.2, p90=1.8)
    assert answer.lead.seen == Spread(median=1.5, p10=1.1, p90=1.9)


def test_intervals_stand_at_the_last_risk_and_only_when_asked_for() -> None:
    generator = np.random.default_rng(1)
    risks = generator.random(300)
    scores = _scores(list(risks), list(generator.random(300) < risks), [0] * 300)
    without = evaluate(scores, budget=0.1)
    assert without.last.auc_interval is None
    assert without.last.ap_interval is None
    answer = evaluate(scores, budget=0.1, draws=100, seed=4)
    for figure, bounds in (
        (answer.last.auc, answer.last.auc_interval),
        (answer.last.ap, answer.last.ap_interval),
    ):
        assert bounds is not None
        assert figure is not None
        assert bounds[0] < figure < bounds[1]
    assert answer.q4.auc_interval is None


def test_a_line_without_any_part_has_figures_that_are_json() -> None:
    answer = evaluate(Scores.joined([]), budget=0.1, draws=10)
    text = json.dumps(answer.to_dict(), allow_nan=False)
    assert json.loads(text)["last"]["auc"] is None
    assert json.loads(text)["lead"]["minutes"] is None
    assert json.loads(text)["alarms"]["flagged"] is None


def test_parts_are_joined_line_after_line() -> None:
    a = _scores([0.1, 0.2], [0, 1], [0, 1])
    b = _scores([0.3], [1], [0])
    joined = Scores.joined([a, b])
    assert joined.risks[-1].tolist() == [0.1, 0.2, 0.3]
    assert joined.fails.tolist() == [False, True, True]
    assert joined.flagged.dtype == bool
