"""The named studies' estimates of memory against what XLA says it takes."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from ntklib import networks, studies
from ntklib.dynamics import _ensembles, _integrator
from ntklib.dynamics._solver import Integrals, Model, Solver
from ntklib.networks import _architectures, _layers
from ntklib.studies import _costs

ARCHITECTURES = tuple(_architectures.ARCHITECTURES)
NODES, TIMES = 64, 4
SETTINGS: dict[str, Any] = {"nodes": NODES, "times": TIMES}


def of(*shape: int, dtype: Any = None) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype or jnp.result_type(float))


def total(lowered: Any) -> int:
    """Bytes that a compiled function has at once, with its arguments."""
    found = lowered.compile().memory_analysis()
    parts = (found.argument_size_in_bytes, found.output_size_in_bytes, found.temp_size_in_bytes)
    assert min(parts) > 0
    return sum(parts)


def drawing(architecture: str, m: int, batch: int) -> int:
    """What the one draw of all small layers takes, and θ₀ made from it."""
    network = networks.antisymmetric(_architectures.build(architecture, m))
    layers = jax.eval_shape(_architectures.build(architecture, m).init, jax.random.key(0))
    small, length = _layers.together([leaf.size for leaf in jax.tree.leaves(layers)])

    def draw(keys: Any) -> Any:
        dtype = jnp.result_type(float)
        return _layers._draws(keys, halves=tuple(small), length=length, dtype=dtype)

    keys = jax.random.split(jax.random.key(0), (batch, len(layers)))
    return total(jax.jit(jax.vmap(draw)).lower(keys)) + 8 * batch * network.parameters


def flow(architecture: str, m: int, n: int, batch: int, *, side_by_side: bool) -> int:
    """What drawing θ₀ and then the flows take, whichever is more."""
    network = networks.antisymmetric(_architectures.build(architecture, m))
    keys = jax.random.split(jax.random.key(0), batch)
    theta_0 = jax.eval_shape(jax.vmap(network.init), keys)
    flows = _integrator.integrate.lower(
        (theta_0, of(batch, n, 2), of(batch, n), of(batch, dtype=int)),
        Integrals(jnp.ones(n), jnp.ones((NODES, 2)), jnp.ones(NODES), jnp.ones(NODES)), of(TIMES),
        Solver("explicit", 1e-6, 1e-9, 1000), of(dtype=int),
        model=Model(network.apply, network.forward, linearized=False), keep_params=False,
        side_by_side=side_by_side, progress=False,
    )  # fmt: skip
    return max(total(flows), drawing(architecture, m, batch))


def kernel_flow(architecture: str, n: int, batch: int, *, side_by_side: bool) -> int:
    """What the flows take, LAPACK's own work included: 2n² numbers, of which XLA doesn't know."""
    flows = _ensembles._kernel_flows.lower(
        (of(batch, n, 2), of(batch, n), of(batch, dtype=int)), of(NODES, 2), of(NODES), of(TIMES),
        of(), of(dtype=int), kernel=_architectures.build(architecture, 1).kernel,
        side_by_side=side_by_side, progress=False,
    )  # fmt: skip
    return total(flows) + 8 * 2 * n**2 * (batch if side_by_side else 1)


# Where the layers' inputs and outputs take most, where the drawing does, and the integrator.
@pytest.mark.parametrize(
    ("architecture", "m", "n"),
    [(ARCHITECTURES[0], 16, 4096), (ARCHITECTURES[2], 16, 4096), (ARCHITECTURES[3], 512, 64)],
)
def test_memory_of_flows(architecture: str, m: int, n: int) -> None:
    point = {"architecture": architecture, "width": m, "samples": float(n)}
    measured = flow(architecture, m, n, 8, side_by_side=False)
    estimate = _costs.linear_width_memory(point, 8, SETTINGS)
    assert 0.8 * measured < estimate < 3 * measured
    more = _costs.theorem_1_memory(point, 8, SETTINGS) - estimate  # two comparisons more
    assert more >= 2 * 8 * TIMES * NODES * 8


def test_memory_of_drawing_small_layers() -> None:
    """All as long as the longest, of which the depth makes many; it is more than their flow."""
    deep = ARCHITECTURES[1]
    point = {"architecture": deep, "width": 256, "samples": 4.0}
    measured = drawing(deep, 256, 64)
    assert 0.8 * measured < _costs.linear_width_memory(point, 64, SETTINGS) < 3 * measured


@pytest.mark.parametrize("n", [256, 2048])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_memory_of_kernel_flows(architecture: str, n: int) -> None:
    point = {"architecture": architecture, "samples": float(n)}
    measured = kernel_flow(architecture, n, 8, side_by_side=False)
    estimate = _costs.kernel_limit_memory(point, 8, SETTINGS)
    assert 0.8 * measured < estimate < 3 * measured


def test_elsewhere_than_on_a_cpu_draws_are_side_by_side() -> None:
    """As XLA has it for a CPU when it is told to."""
    ring = ARCHITECTURES[2]
    point: dict[str, Any] = {"architecture": ring, "width": 64, "samples": 1024.0}
    estimate = _costs.linear_width_memory(point, 8, SETTINGS, device="NVIDIA H100")
    measured = flow(ring, 64, 1024, 8, side_by_side=True)
    assert 0.8 * measured < estimate < 3 * measured
    assert _costs.theorem_1_memory(point, 8, SETTINGS, device="NVIDIA H100") > estimate
    estimate = _costs.kernel_limit_memory(point, 8, SETTINGS, device="NVIDIA H100")
    measured = kernel_flow(ring, 1024, 8, side_by_side=True)
    assert 0.8 * measured < estimate < 3 * measured


def test_many_nodes_and_times_count() -> None:
    """The operator on the nodes is made before any flow, and its comparisons come after them."""
    point = {"architecture": ARCHITECTURES[0], "width": 4, "samples": 4.0}
    at_rest = {"nodes": 2000, "times": 1}
    for estimate in (studies.STUDIES[name].memory for name in studies.STUDIES):
        assert estimate is not None
        assert 8 * 4 * 2000**2 < estimate(point, 1, at_rest) < 8 * 20 * 2000**2
        assert estimate(point, 8, {"nodes": 64, "times": 1000}) > 8 * 6 * 8 * 1000 * 64
