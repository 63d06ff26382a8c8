from __future__ import annotations

import numpy as np
import pytest
from lines import TORQUE, measurements, results, small_spec

from producers.causes import Cell, Linear, Threshold
from producers.families import family
from producers.simulator import SimulatedLine

PARTS = 6_000


@pytest.fixture(scope="module")
def demo() -> tuple[SimulatedLine, list[str], np.ndarray]:
    line = SimulatedLine(family("demo"), seed=11)
    outcomes = results(line.events(PARTS))
    parts = sorted(outcomes)
    return line, parts, np.array([outcomes[part].outcome == "fail" for part in parts])


def test_the_truth_tells_the_outcome_that_is_sent(demo):
    line, parts, failed = demo
    assert [line.truth(part).outcome == "fail" for part in parts] == failed.tolist()


def test_the_contributions_and_the_intercept_make_the_probability(demo):
    line, parts, _ = demo
    for part in parts[:500]:
        told = line.truth(part)
        log_odds = line.odds.intercept + sum(cause.contribution for cause in told.causes)
        # Contributions are told to four decimals.
        assert told.fail_probability == pytest.approx(1.0 / (1.0 + np.exp(-log_odds)), abs=5e-4)


def test_the_strongest_cause_comes_first(demo):
    line, parts, _ = demo
    for part in parts[:500]:
        shares = [cause.contribution for cause in line.truth(part).causes]
        assert shares == sorted(shares, reverse=True)
        main = line.truth(part).main_cause
        assert (main is None) == (not shares or shares[0] <= 0)


@pytest.mark.parametrize("name", [cause.name for cause in family("demo").causes])
def test_every_cause_told_really_moves_the_outcome(demo, name: str):
    line, parts, failed = demo
    shares = []
    for part in parts:
        told = {cause.name: cause.contribution for cause in line.truth(part).causes}
        shares.append(told.get(name, 0.0))
    contributed = np.array(shares)
    expected = np.array([line.truth(part).fail_probability for part in parts])
    high = contributed >= np.quantile(contributed, 0.9)
    high &= contributed > np.median(contributed)
    # More fails where it speaks most, and as many as the probabilities say.
    assert failed[high].mean() > 1.25 * failed[~high].mean()
    error = np.sqrt((expected[high] * (1 - expected[high])).sum()) / high.sum()
    assert abs(failed[high].mean() - expected[high].mean()) < 4.0 * error


def test_probabilities_are_frequencies(demo):
    line, parts, failed = demo
    chances = np.array([line.truth(part).fail_probability for part in parts])
    for low, high in ((0.0, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, 0.6), (0.6, 1.0)):
        rows = (chances >= low) & (chances < high)
        error = np.sqrt((chances[rows] * (1 - chances[rows])).sum()) / rows.sum()
        assert abs(failed[rows].mean() - chances[rows].mean()) < 4.0 * error + 1e-9


def test_the_station_and_feature_told_are_those_of_the_cause():
    causes = (
        Linear(name="tight", cell=TORQUE, weight=1.0),
        Threshold(name="wide", cell=Cell("B", "gap"), limit=0.0, weight=0.5),
    )
    line = SimulatedLine(small_spec(causes=causes))
    list(line.events(20))
    truths = [line.truth(f"P-{i + 1:07d}") for i in range(20)]
    assert {len(truth.causes) for truth in truths} == {1, 2}
    told = {cause.name: cause for truth in truths for cause in truth.causes}
    assert (told["tight"].station, told["tight"].feature) == TORQUE
    assert (told["wide"].station, told["wide"].feature) == ("B", "gap")
    assert told["wide"].contribution == pytest.approx(0.5 * line.odds.gain, abs=1e-4)


def test_a_part_is_known_from_its_first_event_on():
    line = SimulatedLine(small_spec())
    for event in line.events(30):
        if event.type == "measurement":
            assert line.truth(event.part).causes
            later = f"P-{int(event.part[2:]) + 3:07d}"
            with pytest.raises(KeyError, match="is not known: all parts"):
                line.truth(later)


def test_the_memory_is_bounded_and_forgets_the_oldest_part_first():
    line = SimulatedLine(small_spec(), remember=50)
    most = 0
    for event in line.events(400):
        most = max(most, line.remembered)
        if event.type == "measurement" and event.station == "C":
            assert line.truth(event.part)
    assert most == line.remembered == 50
    assert line.truth("P-0000351").outcome in {"pass", "fail"}
    with pytest.raises(KeyError, match=r"the last 50 parts .* raise 'remember'"):
        line.truth("P-0000350")


def test_the_truth_of_other_lines_is_their_own():
    one, two = SimulatedLine(small_spec(), seed=1), SimulatedLine(small_spec(), seed=2)
    list(one.events(5))
    with pytest.raises(KeyError):
        two.truth("P-0000001")
    assert len(measurements(two.events(5))) == 15
    assert one.truth("P-0000001") != two.truth("P-0000001")
