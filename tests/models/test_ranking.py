from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    matthews_corrcoef,
    roc_auc_score,
)

from models.ranking import (
    average_precision,
    brier_skill,
    calibration_slope,
    mcc,
    recall_at_budget,
    roc_auc,
)

# Few distinct risks give many ties, free ones hardly any.
RISKS = st.one_of(
    st.sampled_from([0.0, 0.1, 0.5, 0.5000000000000001, 0.9, 1.0]),
    st.floats(min_value=0.0, max_value=1.0),
)


@st.composite
def scored_parts(draw: st.DrawFn) -> tuple[list[float], list[bool]]:
    """Parts of both kinds, from two to forty, in any order."""
    rest = draw(st.lists(st.tuples(RISKS, st.booleans()), max_size=38))
    parts = [(draw(RISKS), True), (draw(RISKS), False), *rest]
    parts = draw(st.permutations(parts))
    return [risk for risk, _ in parts], [outcome for _, outcome in parts]


@settings(max_examples=200, deadline=None)
@given(scored_parts())
def test_roc_auc_and_average_precision_are_scikit_learns(
    parts: tuple[list[float], list[bool]],
) -> None:
    risks, outcomes = parts
    assert roc_auc(risks, outcomes) == pytest.approx(roc_auc_score(outcomes, risks), abs=1e-12)
    assert average_precision(risks, outcomes) == pytest.approx(
        average_precision_score(outcomes, risks), abs=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(scored_parts())
def test_brier_skill_is_one_minus_the_ratio_of_scikit_learns_brier_scores(
    parts: tuple[list[float], list[bool]],
) -> None:
    risks, outcomes = parts
    rate = sum(outcomes) / len(outcomes)
    climatology = brier_score_loss(outcomes, [rate] * len(outcomes))
    expected = 1 - brier_score_loss(outcomes, risks) / climatology
    assert brier_skill(risks, outcomes) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(scored_parts(), st.floats(min_value=0, max_value=1))
def test_mcc_is_scikit_learns(parts: tuple[list[float], list[bool]], threshold: float) -> None:
    risks, outcomes = parts
    flagged = np.array(risks) > threshold
    truth = np.array(outcomes)
    counts = {
        "tp": int((truth & flagged).sum()),
        "fp": int((~truth & flagged).sum()),
        "fn": int((truth & ~flagged).sum()),
        "tn": int((~truth & ~flagged).sum()),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = matthews_corrcoef(truth, flagged)
    assert mcc(**counts) == pytest.approx(expected, abs=1e-12)


def test_mcc_of_a_million_parts_does_not_overflow() -> None:
    assert mcc(tp=10**6, fp=0, fn=0, tn=10**6) == 1.0


@settings(max_examples=50, deadline=None)
@given(scored_parts(), st.floats(min_value=0, max_value=1), st.integers(0, 2**32 - 1))
def test_recall_at_budget_is_what_breaking_ties_by_lot_gives_on_average(
    parts: tuple[list[float], list[bool]], budget: float, seed: int
) -> None:
    risks, outcomes = np.array(parts[0]), np.array(parts[1])
    generator = np.random.default_rng(seed)
    lots = []
    for _ in range(600):
        order = np.lexsort((generator.random(risks.size), -risks))
        # The last part is taken with the chance that is left of the budget.
        taken = np.clip(budget * risks.size - np.arange(risks.size), 0, 1)
        lots.append(float(taken @ outcomes[order]) / outcomes.sum())
    exact = recall_at_budget(risks, outcomes, budget)
    assert exact == pytest.approx(np.mean(lots), abs=5 * np.std(lots) / 600**0.5 + 1e-3)


@settings(max_examples=50, deadline=None)
@given(scored_parts())
def test_a_full_budget_finds_every_fail_and_none_finds_nothing(
    parts: tuple[list[float], list[bool]],
) -> None:
    assert recall_at_budget(*parts, budget=1.0) == pytest.approx(1.0)
    assert recall_at_budget(*parts, budget=0.0) == 0.0


def test_a_risk_that_knows_nothing_earns_what_guessing_earns() -> None:
    outcomes = [True] * 3 + [False] * 97
    risks = [0.03] * 100
    assert roc_auc(risks, outcomes) == 0.5
    assert average_precision(risks, outcomes) == pytest.approx(0.03)
    assert recall_at_budget(risks, outcomes, 0.1) == pytest.approx(0.1)
    assert brier_skill(risks, outcomes) == pytest.approx(0.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 400), st.floats(0.2, 4.0))
def test_calibration_slope_is_scikit_learns_unpenalised_logistic_regression(
    seed: int, n: int, boldness: float
) -> None:
    generator = np.random.default_rng(seed)
    margin = generator.normal(-1.0, 1.0, n)
    outcomes = generator.random(n) < 1 / (1 + np.exp(-margin))
    logit = boldness * margin
    risks = 1 / (1 + np.exp(-logit))
    slope = calibration_slope(risks, outcomes)
    assume(slope is not None)
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    reference.fit(logit[:, None], outcomes)
    assert slope == pytest.approx(reference.coef_[0, 0], rel=1e-4, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 60))
def test_the_slope_is_the_best_even_where_plain_newton_steps_overshoot(seed: int, n: int) -> None:
    """Risks of very different size, in the order of the outcomes but for one part."""
    generator = np.random.default_rng(seed)
    logit = np.sort(generator.standard_t(1.0, n) * 10.0 ** generator.uniform(-3, 1)).clip(-20, 20)
    outcomes = np.arange(n) >= generator.choice([1, n - 1])
    odd = generator.integers(n)
    outcomes[odd] = not outcomes[odd]
    slope = calibration_slope(1 / (1 + np.exp(-logit)), outcomes)
    assume(slope is not None)

    def excess(intercept: float) -> float:
        return float((outcomes - 1 / (1 + np.exp(-(intercept + slope * logit)))).sum())

    reach = 60.0 + abs(slope) * float(np.abs(logit).max())
    with np.errstate(over="ignore"):
        intercept = brentq(excess, -reach, reach, xtol=1e-13)
        rest = outcomes - 1 / (1 + np.exp(-(intercept + slope * logit)))
    assert abs(rest @ logit) <= 1e-5 * np.abs(rest) @ np.abs(logit)


def test_risks_that_are_twice_too_bold_have_half_the_slope() -> None:
    generator = np.random.default_rng(3)
    margin = generator.normal(-2.0, 1.0, 60_000)
    outcomes = generator.random(margin.size) < 1 / (1 + np.exp(-margin))
    honest = calibration_slope(1 / (1 + np.exp(-margin)), outcomes)
    bold = calibration_slope(1 / (1 + np.exp(-2 * margin)), outcomes)
    assert honest == pytest.approx(1.0, abs=0.05)
    assert bold == pytest.approx(honest / 2)


def test_risks_of_exactly_0_and_1_leave_a_finite_slope() -> None:
    slope = calibration_slope([0.0] * 3 + [1.0] * 3, [False, False, True, True, True, False])
    assert slope is not None
    assert 0 < slope < 1


@pytest.mark.parametrize(
    ("risks", "outcomes"),
    [
        pytest.param([0.5, 0.5, 0.5], [True, False, True], id="all risks equal"),
        pytest.param([0.1, 0.2, 0.8], [False, False, True], id="one threshold separates"),
        pytest.param([0.1, 0.2, 0.2, 0.8], [False, False, True, True], id="all but a tie"),
        pytest.param([0.9, 0.8, 0.1], [False, False, True], id="separated the wrong way"),
    ],
)
def test_no_slope_is_named_where_none_fits(risks: list[float], outcomes: list[bool]) -> None:
    assert calibration_slope(risks, outcomes) is None


@pytest.mark.parametrize("outcomes", [[], [False], [True], [False, False], [True, True]])
def test_outcomes_of_one_kind_have_no_figures(outcomes: list[bool]) -> None:
    risks = [0.1, 0.2][: len(outcomes)]
    assert roc_auc(risks, outcomes) is None
    assert average_precision(risks, outcomes) is None
    assert brier_skill(risks, outcomes) is None
    assert calibration_slope(risks, outcomes) is None
    assert recall_at_budget(risks, outcomes, 0.5) is None


def test_mcc_needs_both_kinds_of_parts_but_not_both_decisions() -> None:
    assert mcc(tp=0, fp=2, fn=0, tn=8) is None
    assert mcc(tp=2, fp=0, fn=8, tn=0) is None
    assert mcc(tp=2, fp=8, fn=0, tn=0) == 0.0


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        roc_auc([0.1, float("nan")], [True, False])


def test_scores_and_outcomes_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one of each"):
        average_precision([0.1, 0.2, 0.3], [True, False])


def test_a_budget_in_per_cent_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1, not 5"):
        recall_at_budget([0.1, 0.2], [True, False], budget=5)
