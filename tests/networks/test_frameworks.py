"""Models of Equinox, Flax and PyTorch: their kernels against their own Jacobians, and refusals.

Flax and PyTorch are no dependencies: `make frameworks` runs these tests where both are installed.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused

from ntklib import dynamics, kernels, measures, networks

POINTS = jax.random.normal(jax.random.key(1), (5, 12))
SHAPE = {"equinox": (1, 3, 4), "flax": (3, 4, 1), "torch": (1, 3, 4)}
KEY = jax.random.key(0)

Jacobian = Callable[[jax.Array], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A model, how it becomes a network, and its Jacobian by its own framework.

    Attributes:
      model: in evaluation mode.
      load: model ↦ (apply, params).
      jacobian: points in the model's own shape ↦ array (n, o, p).
    """

    model: Any
    load: Callable[..., tuple[Any, Any]]
    jacobian: Jacobian


def by_equinox(kind: str) -> Case:
    keys = iter(jax.random.split(KEY, 4))
    state = None
    if kind == "dense":
        model: Any = eqx.nn.MLP(12, 3, 7, 2, activation=jnp.tanh, key=KEY)
    else:
        layers: list[Any] = [
            eqx.nn.Conv2d(1, 2, 2, key=next(keys)),
            eqx.nn.BatchNorm(2, "batch", mode="batch"),
            eqx.nn.Lambda(jax.nn.tanh),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Dropout(0.5),
            eqx.nn.Linear(12, 1, key=next(keys)),
        ]
        made, state = eqx.nn.make_with_state(eqx.nn.Sequential)(layers)
        model = eqx.nn.inference_mode(made)

    def call(model: Any, point: Any) -> Any:
        return model(point) if state is None else model(point, state)[0]

    def jacobian(points: jax.Array) -> np.ndarray:
        rows = []
        for point in points:
            tree = eqx.filter_jacrev(call)(model, point)
            leaves = [each for each in jax.tree.leaves(tree) if eqx.is_inexact_array(each)]
            rows.append(np.concatenate([each.reshape(len(each), -1) for each in leaves], axis=1))
        return np.stack(rows)

    options: dict[str, Any] = {} if state is None else {"state": state}
    return Case(model, lambda model, **form: networks.from_equinox(model, **options, **form),
                jacobian)  # fmt: skip


def _doubled(leaf: Any) -> Any:
    return leaf.astype(float) if leaf.dtype == np.float32 else leaf


def by_flax(kind: str) -> Case:
    pytest.importorskip("flax")
    nnx: Any = importlib.import_module("flax.nnx")
    rngs = nnx.Rngs(0)
    if kind == "dense":
        model = nnx.Sequential(nnx.Linear(12, 7, rngs=rngs), nnx.tanh, nnx.Linear(7, 3, rngs=rngs))
    else:
        model = nnx.Sequential(
            nnx.Conv(1, 2, (2, 2), padding="VALID", rngs=rngs),
            nnx.BatchNorm(2, rngs=rngs),
            nnx.tanh,
            lambda x: x.reshape(len(x), -1),
            nnx.Dropout(0.5, rngs=rngs),
            nnx.Linear(12, 1, rngs=rngs),
        )
        model.eval()

    def jacobian(points: jax.Array) -> np.ndarray:
        graph, *states = nnx.split(model, nnx.Param, ...)
        params, rest = jax.tree.map(_doubled, states)
        tree = jax.jacrev(lambda theta: nnx.merge(graph, theta, rest)(points))(params)
        leaves = [np.asarray(each) for each in jax.tree.leaves(tree)]
        return np.concatenate([each.reshape(*each.shape[:2], -1) for each in leaves], axis=2)

    return Case(model, networks.from_flax, jacobian)


def by_torch(kind: str) -> Case:
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    if kind == "dense":
        model = nn.Sequential(nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 3))
    else:
        model = nn.Sequential(
            nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Tanh(), nn.Flatten(), nn.Dropout(),
            nn.Linear(12, 1),
        )  # fmt: skip
        model.train()(torch.randn(8, 1, 3, 4))  # so that its averages aren't 0 and 1
        model.eval()

    def jacobian(points: jax.Array) -> np.ndarray:
        """By one backward pass for each output of each point."""
        doubled = model.double()
        rows = []
        for value in doubled(torch.tensor(np.asarray(points))).flatten():
            slopes = torch.autograd.grad(value, list(doubled.parameters()), retain_graph=True)
            rows.append(torch.cat([each.flatten() for each in slopes]).numpy())
        return np.stack(rows).reshape(len(points), -1, len(rows[0]))

    return Case(model, networks.from_torch, jacobian)


FRAMEWORKS = {"equinox": by_equinox, "flax": by_flax, "torch": by_torch}


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_kernel_is_that_of_the_models_own_jacobian(framework: str, kind: str) -> None:
    case = FRAMEWORKS[framework](kind)
    shape = None if kind == "dense" else SHAPE[framework]
    jacobian = case.jacobian(POINTS if shape is None else POINTS.reshape(-1, *shape))
    apply, params = case.load(case.model, shape=shape)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(float)}
    gram = kernels.empirical(apply, params, POINTS)
    expected = np.einsum("iap,jbp->ijab", jacobian, jacobian)
    if kind == "convolutional":  # whose one output has no axis of its own
        expected = expected[:, :, 0, 0]
    np.testing.assert_allclose(gram, expected, rtol=1e-10, atol=1e-12)
    if kind == "dense":
        one = kernels.empirical(*case.load(case.model, output=2), POINTS, POINTS[:2])
        np.testing.assert_allclose(one, expected[:, :2, 2, 2], rtol=1e-10, atol=1e-12)
        with refused("output = 3 is none of the model's outputs, whose shape for one point is (3,"):
            kernels.empirical(*case.load(case.model, output=3), POINTS)
    single, params = case.load(case.model, shape=shape, dtype=jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
    gram = kernels.empirical(single, params, POINTS.astype(jnp.float32))
    np.testing.assert_allclose(gram, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_model_is_trained_by_its_own_gradients(framework: str) -> None:
    """Residuals of least squares follow the kernel from the model's own Jacobian."""
    case = FRAMEWORKS[framework]("dense")
    apply, params = case.load(case.model, output=0)
    measure, labels = measures.empirical(POINTS), POINTS[:, 0]
    rows = case.jacobian(POINTS)[:, 0]
    start = np.asarray(apply(params, POINTS) - labels)
    slope = -rows @ rows.T @ start / len(POINTS)
    options: dict[str, Any] = {"progress": False}
    times = jnp.asarray([1e-5, 4.0])
    flow = dynamics.gradient_flow(apply, params, lambda x: x[:, 0], measure, times, **options)
    np.testing.assert_allclose((flow.residuals[0] - start) / 1e-5, slope, rtol=1e-3, atol=1e-3)
    assert measure.norm(flow.residuals[1]) < 0.5 * measure.norm(jnp.asarray(start))
    descent = dynamics.gradient_descent(
        apply, params, labels, measure, np.arange(2), optimizer=1e-5, **options
    )
    moved = np.asarray(descent.values[1] - descent.values[0]) / 1e-5
    np.testing.assert_allclose(moved, slope, rtol=1e-3, atol=1e-3)


def in_training(framework: str, layer: str) -> Any:
    """Returns a model with a layer that evaluates otherwise than it trains."""
    if framework == "equinox":
        if layer == "norm":
            return eqx.nn.make_with_state(eqx.nn.BatchNorm)(2, "batch", mode="batch")[0]
        return eqx.nn.Dropout(0.5)
    if framework == "flax":
        pytest.importorskip("flax")
        nnx: Any = importlib.import_module("flax.nnx")
        rngs = nnx.Rngs(0)
        return nnx.BatchNorm(2, rngs=rngs) if layer == "norm" else nnx.Dropout(0.5, rngs=rngs)
    nn: Any = pytest.importorskip("torch").nn
    return nn.Sequential(nn.BatchNorm1d(2) if layer == "norm" else nn.Dropout())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_models_that_depend_on_the_batch_or_draw_are_refused(framework: str) -> None:
    load = getattr(networks, f"from_{framework}")
    remedy = {
        "equinox": "pass equinox.nn.inference_mode(model).",
        "flax": "call model.eval().",
        "torch": "call model.eval(), which needs batch normalizations with track_running_stats",
    }[framework]
    norm, dropout = (in_training(framework, layer) for layer in ("norm", "dropout"))
    with refused("takes means and scales from the batch in ") as found:
        load(norm)
    assert remedy in str(found.value)
    assert "BatchNorm" in str(found.value)
    with refused("must return the same output whenever it is called, but draws at random in "):
        load(dropout)
    with refused("model must be a", TypeError):
        load(jnp.tanh)


@pytest.mark.parametrize("framework", ["flax", "torch"])
def test_a_model_that_mixes_points_is_refused_where_it_is_used(framework: str) -> None:
    """Equinox's can't: they are called with one point."""
    case = FRAMEWORKS[framework]("dense")
    if framework == "torch":
        torch: Any = importlib.import_module("torch")

        class Centred(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = case.model

            def forward(self, x: Any) -> Any:
                return self.inner(x - x.mean(0))[:, 0]

        model: Any = Centred()
    else:
        nnx: Any = importlib.import_module("flax.nnx")
        model = nnx.Sequential(lambda x: x - x.mean(0, keepdims=True), *case.model.layers)
    with refused("network must give a point the same output whatever points are beside it"):
        kernels.empirical(*case.load(model), POINTS)


def test_an_equinox_state_is_asked_for() -> None:
    model, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(2, "batch", mode="batch")
    evaluated = eqx.nn.inference_mode(model)
    with refused("model has layers with a state, but state is None"):
        networks.from_equinox(evaluated)
    apply, params = networks.from_equinox(evaluated, state=state)
    assert apply(params, jnp.eye(2)).shape == (2, 2)


def test_an_equinox_sequence_has_a_state_only_if_a_layer_of_it_has() -> None:
    first, last = (eqx.nn.Linear(2, out, key=KEY) for out in (2, 1))
    model = eqx.nn.Sequential([eqx.nn.Sequential([first, eqx.nn.Lambda(jnp.tanh)]), last])
    apply, params = networks.from_equinox(model)
    x = jnp.asarray([[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]])
    points, w, b, v, c = (
        np.asarray(each, np.float64)
        for each in (x, first.weight, first.bias, last.weight[0], last.bias)
    )
    hidden = np.tanh(points @ w.T + b)
    np.testing.assert_allclose(apply(params, x), hidden @ v + c, rtol=1e-6)
    # ∂f/∂h = v, so the inner layer has ⟨h'v, h'v⟩ times (x·x' + 1), and the outer h·h' + 1.
    slopes = (1 - hidden**2) * v
    gram = (slopes @ slopes.T) * (points @ points.T + 1) + hidden @ hidden.T + 1
    np.testing.assert_allclose(kernels.empirical(apply, params, x), gram, rtol=1e-6)


def test_layers_in_training_are_found_in_an_equinox_sequence() -> None:
    linear = eqx.nn.Linear(2, 2, key=KEY)
    with refused("model must return the same output whenever it is called, but draws at random in "
                 "Dropout: pass equinox.nn.inference_mode(model)."):  # fmt: skip
        networks.from_equinox(eqx.nn.Sequential([linear, eqx.nn.Dropout(0.5)]))
    layers: list[Any] = [linear, eqx.nn.BatchNorm(2, "batch", mode="batch")]
    model, state = eqx.nn.make_with_state(eqx.nn.Sequential)(layers)
    for given in (None, state):
        with refused("takes means and scales from the batch in BatchNorm: pass equinox.nn."):
            networks.from_equinox(model, state=given)
    with refused("model has layers with a state, but state is None"):
        networks.from_equinox(eqx.nn.inference_mode(model))


def test_torch_leaves_what_is_frozen_and_the_module_itself() -> None:
    torch: Any = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    model[0].requires_grad_(False)
    apply, params = networks.from_torch(model)
    assert sorted(params) == ["2.bias", "2.weight"]
    hidden = model[:2](torch.eye(2)).detach().numpy()
    gram = kernels.empirical(apply, params, jnp.eye(2))
    np.testing.assert_allclose(gram, hidden @ hidden.T + 1, rtol=1e-6)
    before = np.asarray(apply(params, jnp.eye(2)))
    with torch.no_grad():
        model[2].weight.zero_()
    np.testing.assert_array_equal(apply(params, jnp.eye(2)), before)
    assert model[2].weight.dtype == torch.float32


def test_large_arrays_pass_between_torch_and_jax() -> None:
    """A callback that waits for JAX while JAX waits for it would hang."""
    torch: Any = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 1500), torch.nn.Tanh(), torch.nn.Linear(1500, 1))
    apply, params = networks.from_torch(model)
    circle = measures.circle(64)
    flow = dynamics.gradient_flow(
        apply, params, lambda x: x[:, 0], circle, jnp.asarray([0.01]), progress=False
    )
    assert np.all(np.isfinite(flow.residuals))


@pytest.mark.parametrize(
    ("framework", "module", "words"),
    [
        ("equinox", "equinox", "Equinox is not installed, and a model of it needs it: pip install"),
        ("flax", "flax.nnx", "Flax is not installed"),
        ("torch", "torch", "PyTorch is not installed"),
    ],
)
def test_a_framework_that_is_not_there_is_named(
    framework: str, module: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with refused(words, ImportError):
        getattr(networks, f"from_{framework}")(None)
