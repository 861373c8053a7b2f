"""What a study's function reads besides its arguments: globals, closures, defaults, their values.

`_fingerprint.of_function` has the text that defines a function. The numbers depend as well on the
values of the names in it, on those in the functions that it calls, and so on. Objects are taken
apart as `pickle` would do, and nothing is unpickled.
"""

import copyreg
import functools
import hashlib
import os
import random
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

from ntklib import _fingerprint
from ntklib.studies import _names

_PLAIN = (type(None), bool, int, float, complex, str, type(...), type(NotImplemented))
_DESCRIPTORS = (property, staticmethod, classmethod, functools.cached_property)
_ANNOTATING = ("__annotate__", "__annotate_func__")
"""Functions that Python 3.14 makes of annotations, which are left out as they are before."""


def fingerprint(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Returns a short hash of a function's text and of all that it reads, and `values` of it.

    Raises:
      TypeError: it was not made with def, or is wrapped in something.
      ValueError: its text can't be found, or something that it reads can't be told apart.
    """
    source, reads = _fingerprint.of_function(function), values(function)
    return _fingerprint.digest([source, reads]), reads


def values(function: Callable[..., Any]) -> dict[str, str]:
    """Returns a hash of each value that a function reads from outside, by its name there.

    Numbers, text, arrays and containers count by what they hold, objects by their class and state.
    Functions and classes of one's own count by their text and by what they read in turn, what an
    installed package defines by its name and the package's version, and a module that is passed on,
    or imported whole inside the function, by everything in it. Names that are put together while
    it runs (`getattr`, `globals()[...]`), files and the clock aren't seen.

    Raises:
      ValueError: a value can't be told from another one, such as a lock, an open file, the
        environment, or the global generators of NumPy and `random`.
    """
    if not isinstance(function, FunctionType) or _names.installed(function.__code__.co_filename):
        return {}
    reader = _Reader(function.__qualname__)
    return {name: reader.read(name, *found) for name, found in _names.read_by(function).items()}


def of_value(name: str, value: Any) -> str:
    """Returns a short hash of a function or another object with all that it reads and holds.

    Raises:
      ValueError: something of it can't be told apart.
    """
    return _Reader(name).digest(value, name)


def require_same(before: Mapping[str, str], function: Callable[..., Any]) -> None:
    """Raises a ValueError if what a function reads is no longer what it was before a call."""
    after = values(function)
    if changed := sorted(name for name in {*before, *after} if before.get(name) != after.get(name)):
        raise ValueError(
            f"{', '.join(changed)}, which {function.__qualname__} reads, changed while it "
            "computed, and so would the next results: let it depend on its arguments alone (a "
            "function under functools.cache may remember what it returned)."
        )


class _UnknownValueError(ValueError):
    pass


@dataclass
class _Reader:
    """Hashes values, each object once.

    Attributes:
      function: whose values they are, for messages.
      known: hashes by the objects' identity; of those under way, something that stands for them.
      kept: the objects, or another one could get the identity.
    """

    function: str
    known: dict[int, str] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)

    def read(self, name: str, value: Any, of_package: bool) -> str:
        """Returns the hash of what a name stands for, be it an attribute of a package or not."""
        if shared := _shared_state(value):
            raise _UnknownValueError(
                f"{self.function} reads {shared} ({name}), and saved cells can't be told apart by "
                "its state: pass what it needs as a setting, and draw with "
                "np.random.default_rng(seed)."
            )
        by_name = _fingerprint.digest([name, _names.version(name)])
        made_there = _names.defined_by_package(getattr(value, "__module__", None))
        if of_package and made_there and not isinstance(value, FunctionType):
            return by_name
        try:
            return self.digest(value, name)
        except _UnknownValueError:
            if of_package:
                return by_name
            raise

    def digest(self, value: Any, name: str) -> str:
        """Returns the hash of a value."""
        if type(value) in _PLAIN:
            return _fingerprint.digest([type(value).__name__, repr(value)])
        if isinstance(value, bytes | bytearray):
            return _fingerprint.digest(["bytes", hashlib.sha256(value).hexdigest()])
        if id(value) not in self.known:
            self.kept.append(value)
            self.known[id(value)] = f"object {len(self.known)}"
            self.known[id(value)] = _fingerprint.digest(self._parts(value, name))
        return self.known[id(value)]

    def _parts(self, value: Any, name: str) -> list[Any]:
        kind = type(value)
        if known := _names.in_package(value):
            return ["installed", known, _names.version(known)]
        if kind is FunctionType:
            return self._function(value, name)
        if kind is ModuleType or isinstance(value, type):
            bases = [self.digest(base, name) for base in getattr(value, "__bases__", ())]
            return [kind.__name__, value.__name__, *bases, *self._members(value, name)]
        if kind in _DESCRIPTORS:
            inner = [getattr(value, each, None) for each in ("fget", "fset", "__func__", "func")]
            return [kind.__name__, *(self.digest(each, name) for each in inner)]
        if kind in (list, tuple):
            return [kind.__name__, *(self.digest(v, f"{name}[{i}]") for i, v in enumerate(value))]
        if kind in (set, frozenset):
            return [kind.__name__, *sorted(self.digest(each, name) for each in value)]
        if kind in (dict, MappingProxyType):
            return [kind.__name__, self._items(value.items(), name)]
        if kind is weakref.ref:
            return [kind.__name__, self.digest(value(), name)]
        if callable(value) and hasattr(value, "__wrapped__"):  # by jax.jit, functools.cache
            return [kind.__name__, self.digest(value.__wrapped__, name)]
        return self._object(value, name)

    def _items(self, pairs: Iterable[tuple[Any, Any]], name: str) -> list[list[str]]:
        return [[self.digest(k, name), self.digest(v, f"{name}[{k!r}]")] for k, v in pairs]

    def _members(self, owner: Any, name: str) -> list[list[str]]:
        """Returns the hashes of what a class or module holds, but for what Python adds."""
        return [
            [key, self.digest(value, f"{name}.{key}")]
            for key, value in vars(owner).items()
            if (isinstance(value, (FunctionType, *_DESCRIPTORS)) and key not in _ANNOTATING)
            or not (key.startswith("__") or key == "_abc_impl" or hasattr(type(value), "__set__"))
        ]

    def _function(self, function: FunctionType, name: str) -> list[Any]:
        code = function.__code__
        outside = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        held = {key: cell.cell_contents for key, cell in outside.items() if cell != CellType()}
        further = [held, function.__defaults__, function.__kwdefaults__]
        parts = [function.__qualname__, *(self.digest(each, name) for each in further)]
        if _names.installed(code.co_filename):
            return [*parts, function.__module__, _names.version(str(function.__module__))]
        parts.append(self.digest(vars(function), name))
        reads = {key: self.read(key, *found) for key, found in _names.read_by(function).items()}
        try:
            text = _fingerprint.of_source(function)
        except ValueError:  # dataclasses make some
            text = ""
        # A line can hold several lambdas.
        told_apart = text and function.__name__ != "<lambda>"
        return [*parts, reads, text or "", [] if told_apart else self._code(code, name)]

    def _code(self, code: CodeType, name: str) -> list[Any]:
        plain = [each for each in code.co_consts if not isinstance(each, CodeType)]
        inner = [self._code(each, name) for each in _names.inner_code(code)]
        return [code.co_code.hex(), list(code.co_names), self.digest(plain, name), inner]

    def _object(self, value: Any, name: str) -> list[Any]:
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            found: Any = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception as problem:  # whatever a class makes of it
            raise _UnknownValueError(
                f"{self.function} reads {name}, a {type(value).__name__}, and saved cells can't be "
                "told apart by its value: pass what it needs as a setting, or make it inside the "
                "function."
            ) from problem
        if isinstance(found, str):
            return [type(value).__name__, found]
        made, given, state, items, pairs = (*found, None, None, None)[:5]
        parts = [self.digest(each, name) for each in (made, given, state, list(items or ()))]
        return [*parts, self._items(pairs or (), name)]


def _shared_state(value: Any) -> str:
    """Returns what of the process a value is or draws from, if it does."""
    if value is os.environ or value is os.getenv:
        return "the environment"
    drawn_by = getattr(value, "__self__", None)
    of_numpy = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
    of_python = getattr(random.random, "__self__", None)
    shared = drawn_by is not None and (drawn_by is of_numpy or drawn_by is of_python)
    return "a global generator" if shared else ""
