"""Lost skill is told when it is beyond accident, and not before."""

from __future__ import annotations

import numpy as np

from models.skill_watch import KEPT, SkillWatch


def stream(parts: int, seed: int, informed: float, rate: float = 0.03) -> list[tuple[bool, float]]:
    """Outcomes, and calibrated risks that know a share ``informed`` of why."""
    rng = np.random.default_rng(seed)
    why = rng.normal(0.0, 1.5, parts)
    known = informed * why
    unknown = np.sqrt(1.0 - informed**2) * rng.normal(0.0, 1.5, parts)
    odds = np.log(rate / (1.0 - rate)) - 0.8
    fails = rng.random(parts) < 1.0 / (1.0 + np.exp(-(odds + known + unknown)))
    risks = 1.0 / (1.0 + np.exp(-(odds + 0.8 * (1 - informed**2) + known)))
    return list(zip(fails.tolist(), risks.tolist(), strict=True))


def found(results: list[tuple[bool, float]], watch: SkillWatch) -> list[tuple[int, list[str]]]:
    return [
        (i, sorted(watch.findings)) for i, (fail, risk) in enumerate(results)
        if watch.update(fail, risk)
    ]  # fmt: skip


def test_a_detector_that_is_as_good_as_it_was_is_not_degraded() -> None:
    assert [found(stream(12_000, seed, 0.9), SkillWatch()) for seed in range(10)] == [[]] * 10


def test_a_detector_that_knows_nothing_any_more_is_told_once_and_becomes_usual() -> None:
    watch = SkillWatch()
    assert found(stream(5_000, 1, 0.9), watch) == []
    rng = np.random.default_rng(7)
    after = stream(7_000, 2, 0.9)
    shuffled = rng.permutation([risk for _, risk in after]).tolist()
    told = found([(fail, risk) for (fail, _), risk in zip(after, shuffled, strict=True)], watch)
    assert [names for _, names in told] == [["skill_lost"], []]
    assert told[0][0] < 2_000
    assert told[1][0] < KEPT + 2_000


def test_three_times_as_many_fails_as_promised_are_told() -> None:
    watch = SkillWatch()
    assert found(stream(5_000, 1, 0.9), watch) == []
    fails = np.random.default_rng(3).random(600) < 0.12
    told = found([(bool(fail), 0.03) for fail in fails], watch)
    assert any("fails_beyond_risk" in names for _, names in told)


def test_a_checkpoint_changes_nothing() -> None:
    first, again = SkillWatch(), SkillWatch()
    found(stream(3_000, 1, 0.9), first)
    again.restore(first.state())
    assert found(stream(500, 2, 0.1), again) == found(stream(500, 2, 0.1), first)
