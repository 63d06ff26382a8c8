from __future__ import annotations

import time

import numpy as np
import pytest

from models.bootstrap import interval, paired_interval
from models.ranking import average_precision, roc_auc


def _parts(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    risks = generator.random(n)
    return risks, generator.random(n) < 0.2 * risks


def _share(scores: np.ndarray, outcomes: np.ndarray) -> float:
    return float(outcomes.mean())


def test_the_interval_of_a_mean_is_the_textbooks_when_parts_are_independent() -> None:
    outcomes = np.random.default_rng(5).random(4000) < 0.3
    low, high = interval(_share, np.zeros(4000), outcomes, block=1, draws=2000) or (0, 0)
    half = 1.96 * (0.3 * 0.7 / 4000) ** 0.5
    assert low == pytest.approx(outcomes.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(outcomes.mean() + half, abs=0.15 * half)


def test_streaks_widen_the_interval_only_if_blocks_keep_them_whole() -> None:
    streaks = np.repeat(np.random.default_rng(5).random(100) < 0.3, 40)
    nothing = np.zeros(streaks.size)
    low, high = interval(_share, nothing, streaks, block=1, draws=400) or (0, 0)
    low_blocks, high_blocks = interval(_share, nothing, streaks, block=200, draws=400) or (0, 0)
    assert high_blocks - low_blocks > 4 * (high - low)


def test_the_interval_contains_the_truth_about_as_often_as_it_says() -> None:
    truth = roc_auc(*_parts(400_000, seed=1))
    assert truth is not None
    hits = 0
    for seed in range(100, 160):
        bounds = interval(roc_auc, *_parts(500, seed), draws=100)
        assert bounds is not None
        hits += bounds[0] <= truth <= bounds[1]
    assert hits >= 48


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    parts = _parts(500, seed=2)
    assert interval(roc_auc, *parts, seed=7) == interval(roc_auc, *parts, seed=7)
    assert interval(roc_auc, *parts, seed=7) != interval(roc_auc, *parts, seed=8)


def test_every_history_is_made_of_neighbours_and_as_long_as_the_real_one() -> None:
    seen: list[np.ndarray] = []

    def keep(scores: np.ndarray, outcomes: np.ndarray) -> float:
        seen.append(scores)
        return 0.0

    interval(keep, np.arange(103.0), np.zeros(103), block=10, draws=50)
    for history in seen:
        assert history.size == 103
        assert all((np.diff(history[i : i + 10]) == 1).all() for i in range(0, 103, 10))
    assert {float(h.max()) for h in seen} & {102.0}, "the newest parts are drawn, too"


def test_a_figure_that_most_histories_leave_undefined_has_no_interval() -> None:
    outcomes = np.zeros(100, bool)
    assert interval(roc_auc, np.zeros(100), outcomes) is None
    assert interval(roc_auc, [], []) is None


def test_a_paired_difference_is_surer_than_two_figures_beside_each_other() -> None:
    """Two models that see nearly the same: what is hard for one is hard for the other."""
    risks, outcomes = _parts(2_000, seed=9)
    worse = risks + 0.1 * np.random.default_rng(10).normal(size=risks.size)
    low, high = paired_interval(roc_auc, risks, worse, outcomes) or (0, 0)
    alone_low, alone_high = interval(roc_auc, risks, outcomes) or (0, 0)
    assert high - low < 0.5 * (alone_high - alone_low)
    assert low < (roc_auc(risks, outcomes) or 0) - (roc_auc(worse, outcomes) or 0) < high


def test_swapping_two_models_turns_their_difference_around() -> None:
    risks, outcomes = _parts(500, seed=9)
    low, high = paired_interval(roc_auc, risks, risks[::-1], outcomes) or (0, 0)
    swapped = paired_interval(roc_auc, risks[::-1], risks, outcomes)
    assert swapped == pytest.approx((-high, -low))


@pytest.mark.parametrize("wrong", [{"block": 0}, {"draws": 0}])
def test_blocks_and_draws_below_one_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        interval(roc_auc, [0.1, 0.2], [True, False], **wrong)


def test_two_hundred_histories_of_seventy_thousand_parts_take_seconds() -> None:
    parts = _parts(72_041, seed=3)
    started = time.process_time()
    assert interval(average_precision, *parts) is not None
    assert interval(roc_auc, *parts) is not None
    assert time.process_time() - started < 10
