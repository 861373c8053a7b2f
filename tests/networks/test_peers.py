"""The page "Coming from another library": every factor in its table, by the libraries themselves.

`make peers` runs these tests with all of them. Elsewhere those that aren't in the lock are skipped.
"""

import functools
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import ROOT
from sklearn.datasets import load_digits
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge

from ntklib import dynamics, kernels, networks
from ntklib.networks import _neural_tangents

N, C, K = 5, 3, 40
DIGITS = load_digits()
X = DIGITS.data[:N] / 16
Y = np.eye(10)[DIGITS.target[:N], :C] - 0.1
Sides = tuple[Any, Any]


def table() -> dict[str, tuple[str, float]]:
    """What is called ↦ (library with its version, factor), from the page."""
    page = (ROOT / "chapters/peers.md").read_text(encoding="utf-8")
    section = page.split("## What others return")[1].split("\n## ")[0]
    rows, library = {}, ""
    for line in re.findall(r"^\|(.*)\|$", section, re.M)[2:]:  # below heads and rule
        named, call, factor, _ = (cell.strip() for cell in line.split("|"))
        library = named or library
        rows[call] = library, number(factor)
    return rows


def number(factor: str) -> float:
    """The value of a factor such as $2/(NC)$ or $1/N^2$."""
    values = {"N": N, "C": C, "k": K}

    def product(text: str) -> float:
        found = re.findall(r"(\d+|[NCk])(?:\^(\d))?", text)
        assert "".join(f"{base}^{power}" if power else base for base, power in found) == text
        return prod(float(values.get(base, base)) ** int(power or 1) for base, power in found)

    over, _, under = factor.strip("$").partition("/")
    return product(over) / product(under.strip("()") or "1")


@dataclass(frozen=True)
class Imported:
    """A network of PyTorch, here and there.

    Attributes:
      model: in double precision.
      jacobian: ours, of `networks.from_torch`, shape (N, C, p), parameters in the model's order.
      gram: ours.
    """

    model: Any
    jacobian: np.ndarray
    gram: np.ndarray


@functools.cache
def imported() -> Imported:
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 7), nn.Tanh(), nn.Linear(7, C)).double()
    apply, theta = networks.from_torch(model)
    parts = jax.jacrev(apply)(theta, jnp.asarray(X))
    ordered = [np.reshape(parts[name], (N, C, -1)) for name, _ in model.named_parameters()]
    gram = kernels.empirical(apply, theta, jnp.asarray(X))
    return Imported(model, np.concatenate(ordered, axis=2), np.asarray(gram))


def tensors() -> tuple[Any, Any]:
    torch = importlib.import_module("torch")
    return torch.tensor(X), torch.tensor(Y)


def flat(parts: Any) -> np.ndarray:
    """Tensors for each parameter, which follow other axes, one after another."""
    return np.concatenate([each.detach().numpy() for each in parts], axis=-1)


def squares() -> np.ndarray:
    """Σ_j (f_j − y_j)∇f_j, half the gradient of a point's sum of squares, shape (N, p)."""
    here = imported()
    outputs = here.model(tensors()[0]).detach().numpy()
    return np.einsum("na,nap->np", outputs - Y, here.jacobian)


def information() -> np.ndarray:
    rows = imported().jacobian.reshape(N * C, -1)
    return rows.T @ rows


def by_neural_tangents(traced: bool) -> Callable[[float], Sides]:
    def sides(factor: float) -> Sides:
        network = networks.fully_connected(64, (7,), "erf", outputs=C)
        params, x = network.init(jax.random.key(0)), jnp.asarray(X)
        options: dict[str, Any] = {} if traced else {"trace_axes": ()}
        kernel = _neural_tangents.load().empirical_ntk_fn(
            lambda t, x: network.apply(t, x), **options
        )
        ours = kernels.empirical(network, params, x)
        return kernel(x, None, params), factor * (
            jnp.trace(ours, axis1=2, axis2=3) if traced else ours
        )

    return sides


def by_time(factor: float) -> Sides:
    gram = jnp.asarray(RBF(3.0)(X))
    predict = _neural_tangents.load().predict.gradient_descent_mse(gram, jnp.asarray(Y))
    there = predict(7.0, jnp.zeros((N, C)), None)
    flows = [
        dynamics.closed_form(gram, gram, labels, labels, jnp.asarray([7.0 * factor]))[0]
        for labels in -jnp.asarray(Y.T)
    ]
    return there, np.stack(flows, axis=1) + Y


def by_torch(factor: float) -> Sides:
    here = imported()
    func = importlib.import_module("torch").func
    theta = {name: each.detach() for name, each in here.model.named_parameters()}

    def call(theta: Any, x: Any) -> Any:
        return func.functional_call(here.model, theta, (x[None],))[0]

    blocks = func.vmap(func.jacrev(call), (None, 0))(theta, tensors()[0])
    return flat([each.reshape(N, C, -1) for each in blocks.values()]), factor * here.jacobian


def by_loss(factor: float) -> Sides:
    here, torch = imported(), importlib.import_module("torch")
    x, y = tensors()
    slopes = torch.autograd.grad(
        torch.nn.MSELoss()(here.model(x), y), list(here.model.parameters())
    )
    return flat([each.flatten() for each in slopes]), factor * squares().mean(0)


def by_curvlinops(name: str, ours: Callable[[], np.ndarray]) -> Callable[[float], Sides]:
    def sides(factor: float) -> Sides:
        curvlinops, here = pytest.importorskip("curvlinops"), imported()
        torch = importlib.import_module("torch")
        x, y = tensors()
        loss = [] if name.startswith("Jacobian") else [torch.nn.MSELoss()]
        parameters = list(here.model.parameters())
        data = [(x[:2], y[:2]), (x[2:], y[2:])]  # batches of two sizes count as one
        operator = getattr(curvlinops, name)(here.model, *loss, parameters, data)
        matrix = operator @ torch.eye(operator.shape[1], dtype=torch.float64)
        return matrix.detach().numpy(), factor * ours()

    return sides


def by_nngeometry(kind: str) -> Callable[[float], Sides]:
    def sides(factor: float) -> Sides:
        pytest.importorskip("nngeometry")
        here, data = imported(), importlib.import_module("torch.utils.data")
        loader = data.DataLoader(data.TensorDataset(tensors()[0]), batch_size=2)
        if kind == "gram":
            gram = importlib.import_module("nngeometry.gram").GramMatrix(here.model, loader)
            return gram.to_torch().detach().numpy(), factor * here.gram.transpose(2, 0, 3, 1)
        dense = importlib.import_module("nngeometry.object").PMatDense
        fisher = importlib.import_module("nngeometry.metrics").FIM
        matrix = fisher(here.model, loader, dense, variant="regression")
        return matrix.to_torch().detach().numpy(), factor * information()

    return sides


def by_backpack(
    extension: str, attribute: str, ours: Callable[[], np.ndarray]
) -> Callable[[float], Sides]:
    def sides(factor: float) -> Sides:
        backpack = pytest.importorskip("backpack")
        torch, here = importlib.import_module("torch"), imported()
        extensions = importlib.import_module("backpack.extensions")
        x, y = tensors()
        model = torch.nn.Sequential(*map(backpack.extend, here.model))
        with backpack.backpack(getattr(extensions, extension)()):
            backpack.extend(torch.nn.MSELoss())(model(x), y).backward()
        found = [(getattr(each, attribute), each) for each in model.parameters()]
        flattened = [value.reshape(*value.shape[: value.ndim - p.ndim], -1) for value, p in found]
        return flat(flattened), factor * ours()

    return sides


def by_traker(factor: float) -> Sides:
    """What ±1 in k columns make of unit vectors; the other products are 0 in the mean."""
    projectors, torch = pytest.importorskip("trak.projectors"), importlib.import_module("torch")
    options: dict[str, Any] = {"proj_type": "rademacher", "device": "cpu", "dtype": torch.float64}
    projector = projectors.BasicProjector(9, K, 0, block_size=16, **options)
    columns = projector.project(torch.eye(9, dtype=torch.float64), 0)
    return (columns**2).sum(1).numpy(), factor * np.ones(9)


def by_gpjax(factor: float) -> Sides:
    """Between different points; of a point with itself, order 0 is 10⁻⁸ off."""
    gpjax = pytest.importorskip("gpjax")
    digits = DIGITS.data[: 2 * N] / 16
    first, second = jnp.asarray(digits[:N]), jnp.asarray(digits[N:])
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        orders = [
            gpjax.kernels.ArcCosine(order=order, weight_variance=1 / 64, bias_variance=0.0)
            .cross_covariance(first, second)
            for order in (0, 1)
        ]  # fmt: skip
    ours = kernels.analytic(networks.fully_connected(64, (1,), "relu"), first, second)
    return orders[1] + first @ second.T / 64 * orders[0], factor * ours


def by_rbf(factor: float) -> Sides:
    ours = kernels.rbf(jnp.asarray(X), jnp.asarray(X), lengthscale=3.0)
    return RBF(length_scale=3.0)(X), factor * ours


def by_ridge(factor: float) -> Sides:
    gram, labels = RBF(3.0)(X), Y[:, 1]
    there = KernelRidge(alpha=0.02 * factor, kernel="precomputed").fit(gram, labels).predict(gram)
    kernel, start = jnp.asarray(gram), -jnp.asarray(labels)
    ours = dynamics.closed_form(kernel, kernel, start, start, jnp.asarray([1e5]), ridge=0.02)
    return there, ours[0] + labels


CASES: dict[str, Callable[[float], Sides]] = {
    "`empirical_ntk_fn(f)`": by_neural_tangents(True),
    "`empirical_ntk_fn(f, trace_axes=())`": by_neural_tangents(False),
    "predict: `gradient_descent_mse(K, y)`": by_time,
    "`jacrev` of `functional_call` under `vmap`": by_torch,
    "`MSELoss()`, its gradient": by_loss,
    "`JacobianLinearOperator`": by_curvlinops(
        "JacobianLinearOperator", lambda: imported().jacobian.reshape(N * C, -1)
    ),
    "`GGNLinearOperator`, `MSELoss()`": by_curvlinops("GGNLinearOperator", information),
    "`EFLinearOperator`, `MSELoss()`": by_curvlinops(
        "EFLinearOperator", lambda: 4 * squares().T @ squares()
    ),
    "`GramMatrix`": by_nngeometry("gram"),
    '`FIM(…, variant="regression")`': by_nngeometry("fisher"),
    "`BatchGrad`, `MSELoss()`": by_backpack("BatchGrad", "grad_batch", lambda: 2 / C * squares()),
    "`SumGradSquared`, `MSELoss()`": by_backpack(
        "SumGradSquared", "sum_grad_squared", lambda: np.sum((2 / C * squares()) ** 2, axis=0)
    ),
    "`DiagGGNExact`, `MSELoss()`": by_backpack(
        "DiagGGNExact", "diag_ggn_exact", lambda: np.diag(information())
    ),
    "`BasicProjector` to $k$ dimensions": by_traker,
    "`ArcCosine`, orders 1 and 0, `bias_variance=0` and `weight_variance=1/d`": by_gpjax,
    "`RBF(length_scale=l)`": by_rbf,
    "`KernelRidge(alpha=…)`": by_ridge,
}


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated", "ignore:Full backward hook")
@pytest.mark.parametrize("call", CASES)
def test_the_factor_on_the_page_is_the_librarys(call: str) -> None:
    there, ours = CASES[call](table()[call][1])
    assert there.dtype == float
    assert there.shape == ours.shape
    np.testing.assert_allclose(there, ours, rtol=1e-10, atol=1e-12 * np.max(np.abs(ours)))


def test_our_kernel_is_that_of_our_jacobian() -> None:
    here = imported()
    expected = np.einsum("nap,mbp->nmab", here.jacobian, here.jacobian)
    np.testing.assert_allclose(here.gram, expected, rtol=1e-10)


def test_every_row_is_tested() -> None:
    assert list(table()) == list(CASES)


def test_pytorch_starts_its_weights_as_the_page_says() -> None:
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = torch.nn.Linear(1000, 400)
    for entries, rtol in ((layer.weight, 0.01), (layer.bias, 0.2)):
        scaled = entries.detach().numpy() * 1000**0.5
        assert 0.9 < np.max(np.abs(scaled)) < 1 + 1e-6
        np.testing.assert_allclose(np.mean(scaled**2), 1 / 3, rtol=rtol)


def test_the_page_names_the_versions_that_make_installs() -> None:
    """And pyproject.toml, which has neural-tangents'."""
    pins = (ROOT / "Makefile").read_text() + (ROOT / "pyproject.toml").read_text()
    for library in {library for library, _ in table().values()}:
        name, version = library.split()
        distribution = {"curvlinops": "curvlinops-for-pytorch", "BackPACK": "backpack-for-pytorch"}
        assert f"{distribution.get(name, name.lower())}=={version}" in pins
