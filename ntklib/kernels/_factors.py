r"""Factors of the tangent kernel of a finite network.

A factor of a block of points is a matrix whose columns belong to (point, column) pairs, and a Gram
matrix is a sum over factors: a *gradient* factor G contributes $G^TG$; a *layer* factor (A, D),
an affine layer's inputs and the derivatives of f by its outputs, contributes
$\sum_{p,p'} (s^2 A_p^TA_{p'} + b^2)\circ(D_p^TD_{p'})$ over its positions p, where s and b are the
scales of its weights and biases, b = 0 without: the gradient by W is $s\sum_p D_pA_p^T$. For a
dense layer (one position) that is the forward Gram matrix times the backward one, entry by entry,
and never needs the gradient itself.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ntklib import _device
from ntklib.kernels import _costs
from ntklib.kernels._costs import Shape
from ntklib.networks import _network
from ntklib.networks._layers import Layer, Window, affine

Factor = tuple[Any, ...]
"""(G,) with G of shape (features, n·o), or (A, D) of shapes (features, n·P), (units, n·P·o)."""


class _Recorder:
    """An `affine` that notes what goes through each layer and can shift its outputs."""

    def __init__(self, shifts: Sequence[Array] | None = None) -> None:
        self.shifts = shifts
        self.inputs: list[Array] = []
        self.outputs: list[Array] = []
        self.windows: list[Window | None] = []
        self.terms: list[tuple[float, float]] = []
        self.parameters = 0

    def __call__(
        self,
        layer: Layer,
        inputs: Array,
        scale: float,
        window: Window | None = None,
        bias_scale: float = 1.0,
    ) -> Array:
        outputs = affine(layer, inputs, scale, window, bias_scale)
        if self.shifts is not None:
            outputs = outputs + self.shifts[len(self.outputs)]

        self.inputs.append(inputs)
        self.outputs.append(outputs)
        self.windows.append(window)
        self.terms.append((scale, bias_scale if "bias" in layer else 0.0))
        self.parameters += _network.count(layer)
        return outputs


def layer_shapes(forward: Callable[..., Array], params: PyTree, x: Array) -> list[Shape]:
    """Returns the sizes of a network's affine layers.

    Raises:
      ValueError: forward doesn't pass each parameter through `affine` exactly once.
    """
    return list(_layer_shapes(forward, *_costs.abstract(params), x.shape[1:], x.dtype))


@functools.lru_cache(_costs.REMEMBERED)
def _layer_shapes(
    forward: Callable[..., Array],
    structure: Any,
    leaves: tuple[jax.ShapeDtypeStruct, ...],
    point: tuple[int, ...],
    dtype: Any,
) -> tuple[Shape, ...]:
    params = jax.tree.unflatten(structure, leaves)
    recorder = _Recorder()

    def features(theta: PyTree, z: Array) -> list[Array]:
        forward(theta, z, recorder)
        return [_features(a, w) for a, w in zip(recorder.inputs, recorder.windows, strict=True)]

    seen = jax.eval_shape(features, params, jax.ShapeDtypeStruct((1, *point), dtype))
    held = _network.count(params)
    if recorder.parameters != held:
        raise ValueError(
            f"network.forward passes {recorder.parameters} parameters through affine(), and there "
            f"are {held}: pass each layer through it once, or use method='jacobian'."
        )
    return tuple(
        Shape(
            features=a.shape[0] + (bias > 0),
            units=d.shape[0] if d.ndim == a.ndim else 1,
            positions=math.prod(a.shape[1:-1]),
            scale=scale,
            bias=bias,
        )
        for a, d, (scale, bias) in zip(seen, recorder.outputs, recorder.terms, strict=True)
    )


@functools.partial(jax.jit, static_argnames=("forward", "as_gradients"))
def layer_factors(
    params: PyTree, x: Array, *, forward: Callable[..., Array], as_gradients: tuple[bool, ...]
) -> list[Factor]:
    """Returns a factor of each affine layer; (G,) as its transpose, rows first."""
    recorder = _Recorder()
    values = jax.eval_shape(lambda theta, z: forward(theta, z, recorder), params, x)
    zeros = [jnp.zeros(each.shape, each.dtype) for each in recorder.outputs]

    def shifted(shifts: Sequence[Array]) -> tuple[Array, list[Array]]:
        recorder = _Recorder(shifts)
        return forward(params, x, recorder), recorder.inputs

    _, pullback, inputs = jax.vjp(shifted, zeros, has_aux=True)
    n, outputs = x.shape[0], math.prod(values.shape[1:])
    # One seed an output: derivatives by a point's own layer outputs are all there are.
    seeds = jnp.broadcast_to(jnp.eye(outputs, dtype=x.dtype)[:, None], (outputs, n, outputs))
    (signals,) = jax.vmap(pullback)(seeds.reshape(outputs, *values.shape))
    factors: list[Factor] = []
    for images, window, term, signal, whole in zip(
        inputs, recorder.windows, recorder.terms, signals, as_gradients, strict=True
    ):
        if whole:
            factors.append((_gradients(images, window, *term, signal),))
        else:
            a = _features(images, window)
            d = signal.reshape(outputs, -1, *a.shape[1:])
            # Columns by point, then position, then output.
            a, d = (each.reshape(*each.shape[: -a.ndim + 1], -1, n) for each in (a, d))
            a, d = jnp.moveaxis(a, -1, 1), jnp.moveaxis(d, (-1, 0), (1, -1))
            factors.append((a.reshape(a.shape[0], -1), d.reshape(d.shape[0], -1)))
    return factors


def _features(images: Array, window: Window | None) -> Float[Array, "features *positions n"]:
    return images if window is None else window.patches(images)


def _gradients(
    images: Float[Array, "channels *positions n"],
    window: Window | None,
    scale: float,
    bias: float,
    signal: Float[Array, "..."],
) -> Float[Array, "rows weights"]:
    """Returns the gradients by a layer's weights and bias, a row for each point and output."""
    outputs = signal.shape[0]

    def one(point: tuple[Array, Array]) -> Array:
        image, d = point
        a = scale * _features(image[..., None], window)
        a = a.reshape(a.shape[0], -1)
        if bias:
            a = jnp.concatenate([a, jnp.full_like(a[:1], bias)])
        return d.reshape(-1, a.shape[1]) @ a.T

    points = (jnp.moveaxis(images, -1, 0), jnp.moveaxis(signal, -1, 0))
    # One after another on a CPU, whose cache then holds a point's patches.
    cpu = _device.on_cpu()
    found = jax.lax.map(one, points) if cpu else jax.vmap(one)(points)
    return found.reshape(found.shape[0] * outputs, -1)


@functools.partial(jax.jit, static_argnames="apply")
def jacobian_factors(
    params: PyTree, x: Array, *, apply: Callable[[PyTree, Array], Array]
) -> list[Factor]:
    """Returns the Jacobian as one gradient factor, rows first."""

    def rows(point: Array) -> Array:
        values, pullback = jax.vjp(lambda theta: apply(theta, point[None])[0].reshape(-1), params)
        (gradients,) = jax.vmap(pullback)(jnp.eye(values.size, dtype=values.dtype))
        return jax.vmap(lambda gradient: ravel_pytree(gradient)[0])(gradients)

    found = jax.vmap(rows)(x)
    return [(found.reshape(-1, found.shape[-1]),)]
