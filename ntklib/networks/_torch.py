"""Modules of PyTorch as functions of JAX, which calls PyTorch for values and gradients."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ntklib import _arguments
from ntklib.networks import _frameworks


def from_torch(
    model: Any,
    *,
    shape: Sequence[int] | None = None,
    output: int | None = None,
    dtype: Any = None,
) -> tuple[
    Callable[[dict[str, Array], Float[Array, "n d"]], Float[Array, "n *o"]], dict[str, Array]
]:
    r"""A module of PyTorch as a function $(\theta, x) \mapsto f(x;\theta)$, and its parameters θ₀.

    θ holds those that require a gradient, by their names in the module; what else it has stays as
    it is, and the module itself is copied. Values are PyTorch's and derivatives those of
    `torch.func`, on the CPU, called by JAX (`jax.pure_callback`) inside jit and vmap too. So what
    asks for gradients works: `kernels.empirical` by the Jacobian, `kernels.initial_kernels`,
    `dynamics.gradient_flow` with method "explicit", `dynamics.gradient_descent`. What asks for
    derivatives in a direction, or second ones, ends in an error of JAX: linearized flows, method
    "exponential", `kernels.tangent_products`, method "products" of a kernel. A gradient takes some
    3 ms besides PyTorch's own time.

    Args:
      model: a `torch.nn.Module`, called with a batch of points, of operations that
        `torch.func.vmap` knows.
      shape: of one input where that isn't a vector, such as (1, 28, 28); points are given flat.
      output: which of several outputs, from 0; all by default. An axis of one output is left out.
      dtype: of the parameters; JAX's default floating-point type if None.

    Returns:
      (apply, params): apply takes points of shape (n, d) to shape (n,), or (n, o) for o outputs.

    Raises:
      ImportError: PyTorch is not installed.
      ValueError: a batch normalization or dropout that isn't in evaluation mode, or one without
        running averages. What else mixes points is refused where the function is used.

    Example:
      >>> import torch  # doctest: +SKIP
      >>> apply, params = networks.from_torch(torch.nn.Linear(2, 1))  # doctest: +SKIP
      >>> kernels.empirical(apply, params, jnp.eye(2)).tolist()  # doctest: +SKIP
      [[2.0, 1.0], [1.0, 2.0]]
    """
    torch = _frameworks.imported("torch", "PyTorch", "torch")
    _frameworks.require(model, torch.nn.Module, "a torch.nn.Module")
    kept, kind = _frameworks.form(shape, output), _arguments.float_type(dtype)
    _evaluated(model, torch.nn.modules)
    number = getattr(torch, kind.name)
    module = copy.deepcopy(model).to("cpu", number)
    trained = {name: each for name, each in module.named_parameters() if each.requires_grad}
    names = sorted(trained)  # in which order JAX passes them
    params = {name: jnp.array(trained[name].detach().numpy()) for name in names}

    def value(*arrays: Any) -> Any:
        *theta, x = arrays
        given = dict(zip(names, theta, strict=True))
        return kept.outputs(torch.func.functional_call(module, given, (kept.inputs(x),)))

    def gradients(*arrays: Any) -> Any:
        *variables, cotangent = arrays
        return torch.func.vjp(value, *variables)[1](cotangent)

    def called(function: Any, result: Any, *arguments: Any) -> Any:
        ranks = [each.ndim for each in jax.tree.leaves(arguments)]

        def on_host(*arrays: Any) -> Any:
            tensors = [torch.tensor(np.asarray(each)) for each in jax.tree.leaves(arrays)]
            found = _over_axes(torch.func.vmap, function, ranks, tensors)
            leaves = [each.detach().numpy() for each in jax.tree.leaves(found)]
            return jax.tree.unflatten(jax.tree.structure(result), leaves)

        return jax.pure_callback(on_host, result, *arguments, vmap_method="expand_dims")

    @jax.custom_vjp
    def evaluated(theta: PyTree, x: Array) -> Array:
        shown = value(*map(trained.get, names), torch.zeros(x.shape, dtype=number)).detach()
        return called(value, jax.ShapeDtypeStruct(shown.shape, shown.numpy().dtype), theta, x)

    def backward(variables: tuple[PyTree, Array], cotangent: Array) -> tuple[PyTree, Array]:
        like = jax.tree.map(lambda each: jax.ShapeDtypeStruct(each.shape, each.dtype), variables)
        return called(gradients, like, *variables, cotangent)

    evaluated.defvjp(lambda theta, x: (evaluated(theta, x), (theta, x)), backward)

    def apply(theta: dict[str, Array], x: Float[Array, "n d"]) -> Float[Array, "n *o"]:
        return evaluated(theta, x.astype(kind))

    return _frameworks.started(apply, params)


def _evaluated(model: Any, modules: Any) -> None:
    """Raises an error if a layer takes something from the batch or draws."""
    layers = [(f"{name} ({type(each).__name__})", each) for name, each in model.named_modules()]
    norms, dropouts = modules.batchnorm._BatchNorm, modules.dropout._DropoutNd
    _frameworks.by_itself(
        [
            name
            for name, each in layers
            if isinstance(each, norms) and (each.training or each.running_mean is None)
        ],
        [name for name, each in layers if isinstance(each, dropouts) and each.training and each.p],
        "call model.eval(), which needs batch normalizations with track_running_stats=True.",
    )


def _over_axes(
    vmap: Any, function: Callable[..., Any], ranks: Sequence[int], tensors: Sequence[Any]
) -> Any:
    """Maps a function over the axes that JAX has put before those it knows.

    All tensors have as many of them; one of length 1 goes with any.
    """
    if tensors[0].ndim == ranks[0]:
        return function(*tensors)
    length = max(each.shape[0] for each in tensors)
    axes = tuple(0 if each.shape[0] == length else None for each in tensors)
    picked = [each[0] if axis is None else each for each, axis in zip(tensors, axes, strict=True)]
    return vmap(lambda *each: _over_axes(vmap, function, ranks, each), in_dims=axes)(*picked)
