from __future__ import annotations

import numpy as np
import pytest
from lines import small_spec
from sklearn.metrics import roc_auc_score

from producers.draws import Draws
from producers.targets import bayes_auc, odds_for, sigmoid


@pytest.mark.parametrize(("rate", "auc"), [(0.02, 0.75), (0.05, 0.9), (0.3, 0.97)])
def test_the_odds_give_the_rate_and_the_auc_that_are_asked_for(rate: float, auc: float):
    odds = odds_for(small_spec(fail_rate=rate, bayes_auc=auc))
    # The only cause of this line is one standard normal value, so its law is known.
    shares = Draws("fresh").normal(400_000)
    chances = sigmoid(odds.intercept + odds.gain * shares)
    failed = Draws("outcomes").uniform(400_000) < chances
    assert abs(chances.mean() - rate) < 0.08 * rate
    assert abs(roc_auc_score(failed, chances) - auc) < 0.012


def test_the_expected_auc_is_the_auc_of_drawn_outcomes():
    log_odds = 1.3 * Draws("log odds").normal(200_000)
    failed = Draws("o").uniform(200_000) < sigmoid(log_odds - 2.0)
    expected = bayes_auc(log_odds, float(sigmoid(log_odds - 2.0).mean()))
    assert abs(roc_auc_score(failed, log_odds) - expected) < 0.005


def test_equal_odds_rank_nothing():
    assert bayes_auc(np.full(1_000, 0.5), 0.1) == pytest.approx(0.5, abs=0.001)
