from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numba.core.errors import NumbaError
from numba.core.runtime import _nrt_python, rtsys

from models.baselines import NATIVE
from models.compiled import allocating_kernel, kernel
from models.detector import Detector, DetectorSettings
from models.part_journeys import eventful_journeys, follow


@pytest.fixture
def counted() -> Iterator[None]:
    """Numba counts the arrays that kernels make and give back."""
    _nrt_python.memsys_enable_stats()
    yield
    _nrt_python.memsys_disable_stats()


def kept() -> int:
    """How many arrays kernels hold on to."""
    stats = rtsys.get_allocation_stats()
    return int(stats.mi_alloc - stats.mi_free)


@pytest.mark.parametrize("model", NATIVE)
def test_kernels_give_back_every_array_that_they_make(model: str, counted: None) -> None:
    detector = Detector(DetectorSettings(model=model, min_fails=5, min_passes=20))
    journeys = eventful_journeys(400)
    follow(detector, journeys[:250])
    before = kept()
    made = rtsys.get_allocation_stats().mi_alloc
    follow(detector, journeys[250:])
    assert rtsys.get_allocation_stats().mi_alloc > made + 150, "kernels that make nothing"
    # An array that lives on in Python is held by it, and there may be a few more by now.
    assert kept() - before < 30


def test_a_kernel_that_makes_an_array_must_say_so() -> None:
    @kernel
    def silent(count: int) -> float:
        return float(np.ones(count)[0])

    @allocating_kernel
    def said(count: int) -> float:
        return float(np.ones(count)[0])

    assert said(2) == 1.0
    with pytest.raises(NumbaError):
        silent(2)
