"""The one place that imports neural-tangents, and what its last release needs for that.

neural-tangents 0.6.5 asks `jax.core`, `jax.util` and `jax.interpreters.ad` for names that JAX has
since moved, and loads TensorFlow for an experimental front end that is not used here. While it
is imported the names are lent from where they live now and the front end is replaced by an empty
module; then everything is put back. Its structured-derivative NTK
(`NtkImplementation.STRUCTURED_DERIVATIVES`) relies on JAX internals that changed in meaning, so
never select it.
"""

import functools
import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.extend.core
import jax.interpreters.ad
from jaxtyping import Array, Float

_INSTALL = (
    "neural-tangents is not installed, and analytic kernels need it. With uv: `uv sync`. "
    "With pip: `pip install frozendict` and then `pip install --no-deps neural-tangents==0.6.5` "
    "(without --no-deps, pip adds TensorFlow, which is not used)."
)
_MISSING = object()


def _lent_names() -> list[tuple[Any, str, Any]]:
    """Returns (module, name, value) for each name that neural-tangents misses in JAX."""
    ad_util = importlib.import_module("jax._src.ad_util")
    util = importlib.import_module("jax._src.util")
    jax_util = types.ModuleType("jax.util")
    for name in ("safe_map", "safe_zip"):
        setattr(jax_util, name, getattr(util, name))
    core_names = ("Jaxpr", "JaxprEqn", "Literal", "Var", "Primitive")
    return [
        (jax, "util", jax_util),
        (jax.interpreters.ad, "zeros_like_p", ad_util.zeros_like_p),
        *((jax.core, name, getattr(jax.extend.core, name)) for name in core_names),
    ]


@contextmanager
def _lent_to_jax() -> Iterator[None]:
    """Lends JAX the moved names and hides the TensorFlow front end; undoes both at the end."""
    front_end = types.ModuleType("neural_tangents.experimental")
    names = [
        (owner, name, value) for owner, name, value in _lent_names() if name not in vars(owner)
    ]
    modules = {
        value.__name__: value for _, _, value in names if isinstance(value, types.ModuleType)
    }
    modules[front_end.__name__] = front_end
    before = {name: sys.modules.get(name, _MISSING) for name in modules}
    for owner, name, value in names:
        setattr(owner, name, value)
    sys.modules.update(modules)
    try:
        yield
    finally:
        for owner, name, _ in names:
            delattr(owner, name)
        for name, module in before.items():
            if module is _MISSING:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module  # type: ignore[assignment]


@functools.cache
def load() -> types.ModuleType:
    """Imports neural-tangents without TensorFlow and leaves `jax` as it was.

    Returns:
      The module `neural_tangents`, its `experimental` part left out.

    Raises:
      ImportError: neural-tangents is not installed; the message says how to install it.
    """
    if importlib.util.find_spec("neural_tangents") is None:
        raise ImportError(_INSTALL)
    with _lent_to_jax(), warnings.catch_warnings():
        # Its docstrings hold escapes like "\p", which newer Pythons warn of when compiling.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("neural_tangents")


def dense_kernel(
    depth: int, activation_layer: Callable[[Any], Any], biases: bool
) -> Callable[[Float[Array, "n d"], Float[Array, "k d"]], Float[Array, "n k"]]:
    r"""The analytic tangent kernel $K^\infty$ of a fully connected network in NTK scaling.

    Args:
      depth: number of hidden layers.
      activation_layer: makes the activation's layer from the module `neural_tangents.stax`.
      biases: whether every layer has a standard normal bias.

    Returns:
      A function of two arrays of points that returns their Gram matrix.

    Raises:
      ImportError: neural-tangents is not installed.
    """
    load()
    stax = importlib.import_module("neural_tangents.stax")

    def dense() -> Any:
        return stax.Dense(1, W_std=1.0, b_std=1.0 if biases else None, parameterization="ntk")

    with warnings.catch_warnings():
        # Each use of the numerical layer warns that its accuracy depends on the degree, which
        # `networks` documents and the tests measure.
        warnings.filterwarnings("ignore", message="Numerical Activation Layer")
        warnings.filterwarnings("ignore", message="Using JAX autodiff to compute the `fn`")
        hidden = [layer for _ in range(depth) for layer in (dense(), activation_layer(stax))]
    _, _, kernel_fn = stax.serial(*hidden, dense())

    def kernel(x1: Float[Array, "n d"], x2: Float[Array, "k d"]) -> Float[Array, "n k"]:
        # neural-tangents mixes dtypes and ranks, which a caller may have forbidden.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return kernel_fn(x1, x2, "ntk").astype(x1.dtype)

    return kernel
