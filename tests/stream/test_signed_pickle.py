"""Nothing is unpickled that was not signed, and nothing that names what a model is not made of."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from river import naive_bayes, tree

from models.baselines import factory
from stream.signed_pickle import SignedPickle, Unlisted, Unsigned, WronglySigned

KEY, OTHER = b"k" * 32, b"x" * 32


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "it-ran")


def signed(value: object, key: bytes = KEY) -> bytes:
    """Signed by whoever has the key, without asking whether it may be read."""
    keeper = SignedPickle(key)
    data = pickle.dumps(value)
    return b"ANDONPKL1" + keeper._tag(data) + data


def test_an_unsigned_model_is_refused_by_name_and_does_not_run(canary: Canary) -> None:
    with pytest.raises(Unsigned, match="no signature"):
        SignedPickle(KEY).unwrap(pickle.dumps(canary))
    assert not canary.path.exists()


def test_a_model_signed_with_another_key_is_refused_and_does_not_run(canary: Canary) -> None:
    with pytest.raises(WronglySigned, match="another key"):
        SignedPickle(KEY).unwrap(signed(canary, OTHER))
    assert not canary.path.exists()


def test_a_signed_model_of_an_unlisted_class_is_refused_and_does_not_run(canary: Canary) -> None:
    with pytest.raises(Unlisted, match=r"system"):
        SignedPickle(KEY).unwrap(signed(canary))
    assert not canary.path.exists()


def test_a_canary_that_is_let_run_does_leave_its_file(canary: Canary) -> None:
    pickle.loads(pickle.dumps(canary))
    assert canary.path.exists()


@pytest.mark.parametrize("at", [0, 8, 9, 40, 41, 60, -1])
def test_one_changed_bit_is_a_wrong_signature_or_none(at: int) -> None:
    data = bytearray(SignedPickle(KEY).wrap(tree.HoeffdingTreeClassifier()))
    data[at] ^= 1
    with pytest.raises((Unsigned, WronglySigned)):
        SignedPickle(KEY).unwrap(bytes(data))


@pytest.mark.parametrize("name", ["os.system", "path.os.system", "sys.modules"])
def test_a_dotted_name_reaches_nothing_that_a_listed_module_has_imported(name: str) -> None:
    # GLOBAL (protocol 4): module and dotted name from the stack.
    module = b"river.utils.rolling"
    dotted = name.encode()
    data = (
        b"\x80\x04"
        + b"".join(b"\x8c" + bytes([len(text)]) + text for text in (module, dotted))
        + b"\x93."
    )
    tag = SignedPickle(KEY)._tag(data)
    with pytest.raises((Unlisted, AttributeError)):
        SignedPickle(KEY).unwrap(b"ANDONPKL1" + tag + data)


@pytest.mark.parametrize(
    "name", ["forest", "river.tree.HoeffdingAdaptiveTreeClassifier", "river.forest.AMFClassifier"]
)
def test_a_model_read_back_answers_as_before(name: str) -> None:
    model = factory(name, 1)(0)
    for i in range(300):
        model.learn_one({"a": float(i % 7), "b": float(i % 5)}, i % 9 == 0)
    again = SignedPickle(KEY).unwrap(SignedPickle(KEY).wrap(model))
    x = {"a": 1.0, "b": 2.0}
    assert again.predict_proba_one(x) == model.predict_proba_one(x)


def test_a_model_that_could_not_be_read_back_is_not_kept_either() -> None:
    class Own(naive_bayes.GaussianNB):
        pass

    with pytest.raises((Unlisted, AttributeError, pickle.PicklingError)):
        SignedPickle(KEY).wrap(Own())


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 or more"):
        SignedPickle(b"short")
