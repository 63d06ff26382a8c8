from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation import Prequential
from models.label_free import Waiting, expected
from models.ranking import average_precision, brier_skill, recall_at_budget, roc_auc

BUDGET = 0.05


def _risks(parts: int, seed: int) -> np.ndarray:
    """Rare fails, some of them plain, many parts with the same risk."""
    generator = np.random.default_rng(seed)
    return np.round(generator.beta(0.3, 6.0, parts), 3)


def test_the_estimate_is_what_many_results_drawn_from_the_risks_give_on_average() -> None:
    risks = _risks(600, seed=3)
    flagged = risks > 0.2
    generator = np.random.default_rng(4)
    draws = []
    for _ in range(400):
        fails = generator.random(risks.size) < risks
        draws.append(
            [
                float(fails.sum()),
                roc_auc(risks, fails),
                average_precision(risks, fails),
                brier_skill(risks, fails),
                recall_at_budget(risks, fails, BUDGET),
                float(fails[flagged].mean()),
                float(fails[flagged].sum() / fails.sum()),
            ]
        )
    answer = expected(Waiting(risks, flagged), BUDGET)
    found = [
        answer.fails,
        answer.auc,
        answer.ap,
        answer.brier_skill,
        answer.recall_at_budget,
        answer.precision,
        answer.recall,
    ]
    for value, drawn in zip(found, np.array(draws, dtype=float).T, strict=True):
        error = drawn.std() / np.sqrt(drawn.size)
        # Ratios of expected values are close to, but not, expected ratios.
        assert value == pytest.approx(drawn.mean(), abs=4 * error + 0.005 * drawn.mean())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=30), st.integers(0, 100))
def test_risks_of_0_and_1_promise_what_will_be(certain: list[float], percent: int) -> None:
    risks = np.array(certain)
    fails = risks == 1.0
    answer = expected(Waiting(risks, fails), percent / 100)
    if 0 < fails.sum() < fails.size:
        assert answer.auc == roc_auc(risks, fails) == 1.0
        assert answer.ap == average_precision(risks, fails) == 1.0
        assert answer.brier_skill == brier_skill(risks, fails) == 1.0
        assert answer.recall_at_budget == pytest.approx(
            recall_at_budget(risks, fails, percent / 100)
        )
    else:
        assert answer.auc is None
        assert answer.brier_skill is None
    assert answer.fails == fails.sum()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=30), st.randoms())
def test_the_order_of_the_parts_does_not_matter(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        expected(Waiting(np.array(risks), np.array(risks) > 0.5), BUDGET)
        for risks in (values, shuffled)
    )
    assert list(one.to_dict().values()) == pytest.approx(
        list(other.to_dict().values()), nan_ok=True
    )


def test_equal_risks_promise_no_ranking_and_no_skill() -> None:
    answer = expected(Waiting(np.full(200, 0.1), np.zeros(200, bool)), BUDGET)
    assert answer.auc == pytest.approx(0.5)
    assert answer.ap == pytest.approx(0.1, abs=0.005)
    assert answer.brier_skill == pytest.approx(0.0, abs=0.01)
    assert answer.recall_at_budget == pytest.approx(BUDGET)
    assert (answer.precision, answer.recall) == (None, 0.0)


def test_parts_without_a_risk_are_left_out_and_nobody_promises_nothing() -> None:
    risks = np.array([0.2, np.nan, 0.4])
    flagged = np.array([False, True, True])
    assert expected(Waiting(risks, flagged), BUDGET).parts == 2
    assert expected(Waiting(risks, flagged), BUDGET).precision == 0.4
    nobody = expected(Waiting.joined([]), BUDGET)
    assert (nobody.parts, nobody.fails, nobody.auc, nobody.precision) == (0, 0.0, None, None)


def test_waiting_parts_of_two_lines_are_waited_for_together() -> None:
    one = Waiting(np.array([0.1]), np.array([True]))
    other = Waiting(np.array([0.3]), np.array([False]))
    together = expected(Waiting.joined([one, other]), BUDGET)
    assert (together.parts, together.precision) == (2, 0.1)


def test_beside_the_realised_figures_it_tells_calibrated_risks_from_bold_ones() -> None:
    """The same ranking, once with honest risks and once with each doubled."""
    risks = np.minimum(_risks(4_000, seed=5), 0.5)
    fails = np.random.default_rng(6).random(risks.size) < risks
    honest, bold = Prequential(budget=BUDGET), Prequential(budget=BUDGET)
    for i, (risk, fail) in enumerate(zip(risks.tolist(), fails.tolist(), strict=True)):
        honest.update(f"P-{i}", fail, [risk])
        bold.update(f"P-{i}", fail, [2 * risk])
    real, claimed = honest.report(), bold.report()
    assert real.expected.fails == pytest.approx(real.fails, rel=0.1)
    assert real.expected.ap == pytest.approx(real.last.ap, abs=0.05)
    assert real.expected.brier_skill == pytest.approx(real.last.brier_skill, abs=0.05)
    assert claimed.last.auc == real.last.auc
    assert claimed.expected.fails > 1.8 * claimed.fails
    assert claimed.expected.brier_skill > (claimed.last.brier_skill or 0.0) + 0.1
