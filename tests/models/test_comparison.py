from __future__ import annotations

import numpy as np
import pytest

from models.bootstrap import paired_interval
from models.comparison import LAST, Contest, difference
from models.ranking import average_precision, roc_auc


def _contest(seed: int, parts: int = 800) -> Contest:
    """`good` sees more than `fair` and falls silent for the first parts, `fair` never does."""
    generator = np.random.default_rng(seed)
    true = generator.random(parts)
    fails = generator.random(parts) < 0.3 * true
    fair = np.tile(np.clip(true + generator.normal(0, 0.8, parts), 0, 1), (4, 1))
    good = np.tile(np.clip(true + generator.normal(0, 0.2, parts), 0, 1), (4, 1))
    good[:, :100] = np.nan
    good[0, :300] = np.nan
    return Contest(fails, {"good": good, "fair": fair})


def test_every_model_is_judged_on_the_parts_that_all_gave_a_risk() -> None:
    contest = _contest(1)
    assert [contest.left_out(place) for place in range(4)] == [300, 100, 100, 100]
    for model in ("good", "fair"):
        assert contest.figures(model).parts == 700
        assert contest.figures(model, place=0).parts == 500
    fair = contest.risks["fair"]
    assert contest.figures("fair").auc == roc_auc(fair[LAST, 100:], contest.fails[100:])


def test_the_difference_on_one_history_is_the_paired_one() -> None:
    contest = _contest(1)
    found = difference([contest], roc_auc, "good", "fair", draws=100)
    assert found is not None
    ours, theirs, fails = contest.pair("good", "fair", LAST)
    assert found.value == (roc_auc(ours, fails) or 0) - (roc_auc(theirs, fails) or 0)
    assert found.interval == paired_interval(roc_auc, ours, theirs, fails, draws=100)


def test_over_several_histories_it_is_the_median_and_surer_than_on_one() -> None:
    contests = [_contest(seed) for seed in range(5)]
    alone = [difference([one], average_precision, "good", "fair") for one in contests]
    found = difference(contests, average_precision, "good", "fair")
    assert found is not None
    assert found.value == sorted(one.value for one in alone if one is not None)[2]
    assert (found.ahead, found.contests) == (5, 5)
    assert found.interval is not None
    widths = [one.interval[1] - one.interval[0] for one in alone if one and one.interval]
    assert found.interval[1] - found.interval[0] < np.median(widths)
    assert found.interval[0] > 0


def test_a_model_is_not_ahead_of_itself() -> None:
    found = difference([_contest(1)], roc_auc, "good", "good", draws=10)
    assert found is not None
    assert (found.value, found.interval, found.ahead) == (0.0, (0.0, 0.0), 0)


def test_without_a_fail_there_is_no_difference() -> None:
    nobody = Contest(np.zeros(50, bool), {"a": np.full((4, 50), 0.1), "b": np.full((4, 50), 0.2)})
    assert difference([nobody], roc_auc, "a", "b") is None
    silent = Contest(np.ones(50, bool), {"a": np.full((4, 50), np.nan), "b": np.full((4, 50), 0.2)})
    assert difference([silent], roc_auc, "a", "b") is None


def test_risks_of_other_parts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the risks of 'a' are \(4, 3\): four rows of 2"):
        Contest(np.array([True, False]), {"a": np.zeros((4, 3))})
