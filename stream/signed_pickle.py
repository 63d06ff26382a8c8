"""River models that only pickle can keep: signed, and read back only by an allow-list of classes.

A pickle can run anything when it is read, so nothing is unpickled unless whoever holds the key has
signed it (HMAC-SHA256, compared in constant time, before a byte of it is looked at), and even then
only classes of River, NumPy and andon, and a few containers, may be named in it. andon's own models
need none of this: their state is plain values.

Reference: H. Krawczyk, M. Bellare, R. Canetti, HMAC: keyed-hashing for message authentication,
RFC 2104, 1997.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import pickle
from types import FunctionType
from typing import Any

from stream.errors import AndonError

_MAGIC = b"ANDONPKL1"
_TAG = hashlib.sha256().digest_size
LEAST_KEY = 32
_PACKAGES = ("river", "models")
_LISTED = {
    "builtins": {
        "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list",
        "object", "range", "set", "slice", "str", "tuple",
    },
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "copyreg": {"_reconstructor"},
    "functools": {"partial"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.random._pickle": {"__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"},
    "numpy.random._mt19937": {"MT19937"},
    "numpy.random._pcg64": {"PCG64"},
    "random": {"Random"},
}  # fmt: skip


class PickleRefused(AndonError):
    """A pickled model that is not read."""

    exit_code = 2


class Unsigned(PickleRefused):
    """It bears no signature."""


class WronglySigned(PickleRefused):
    """Its signature was made with another key, or it was changed since."""


class Unlisted(PickleRefused):
    """It names a class or function that is not on the allow-list."""


class SignedPickle:
    """Models to signed bytes and back; the key has 32 bytes or more.

    Raises ValueError for a shorter key.

    >>> from river import tree
    >>> keeper = SignedPickle(b"k" * 32)
    >>> keeper.unwrap(keeper.wrap(tree.HoeffdingTreeClassifier(max_depth=7))).max_depth
    7
    >>> SignedPickle(b"x" * 32).unwrap(keeper.wrap({}))
    Traceback (most recent call last):
    stream.signed_pickle.WronglySigned: the signature of a pickled model is wrong: it was made ...
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < LEAST_KEY:
            raise ValueError(f"the key has {len(key)} bytes: it needs {LEAST_KEY} or more")
        self._key = key
        self._tried: set[type] = set()

    def wrap(self, model: Any) -> bytes:
        """The model, signed; raises `Unlisted` for one that could not be read back."""
        data = pickle.dumps(model, protocol=5)
        if type(model) not in self._tried:  # what could not be read back is not worth keeping
            _Reader(io.BytesIO(data)).load()
            self._tried.add(type(model))
        return _MAGIC + self._tag(data) + data

    def unwrap(self, data: bytes) -> Any:
        """The model in `wrap`'s bytes; raises `Unsigned`, `WronglySigned` or `Unlisted`."""
        begin = len(_MAGIC) + _TAG
        if not data.startswith(_MAGIC) or len(data) < begin:
            raise Unsigned("a pickled model bears no signature of andon's: it is not read")
        body = data[begin:]
        if not hmac.compare_digest(data[len(_MAGIC) : begin], self._tag(body)):
            raise WronglySigned(
                "the signature of a pickled model is wrong: it was made with another key, or the "
                "model was changed since; give the key that signed it, or start from scratch"
            )
        return _Reader(io.BytesIO(body)).load()

    def _tag(self, data: bytes) -> bytes:
        return hmac.new(self._key, _MAGIC + data, hashlib.sha256).digest()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _LISTED.get(module, ()):
            return super().find_class(module, name)
        if _home(module) in _PACKAGES:
            # Step by step: a dotted name could reach into what a module has imported.
            first, *rest = name.split(".")
            found = super().find_class(module, first)
            for step in rest:
                found = getattr(found, step, None) if isinstance(found, type) else None
            kind = isinstance(found, type | FunctionType)
            if kind and _home(str(getattr(found, "__module__", ""))) in _PACKAGES:
                return found
        raise Unlisted(
            f"a pickled model names {module}.{name}, which is on no list of what a model is made "
            f"of: it is not read"
        )


def _home(module: str) -> str:
    return module.partition(".")[0]
