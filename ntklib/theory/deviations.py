r"""The damped-deviations identity along a network's trajectory, and what the deviation is made of.

Variation of constants (Bowman and Montúfar 2022a, around any fixed K): the residual obeys
$\partial_t r_t = -T_n^t r_t$, so that, exactly,

$$r_t - e^{-T_K t} r_0 = \int_0^t e^{-T_K(t-s)}\,(T_K - T_n^s)\,r_s\,ds .$$

What stands under the integral is called the force here. It is the sum of three, whose integrals
`split` computes one by one as well: sampling $(T_K - T_n)r_s$, initialization $(K - K_0)$ and
movement $(K_0 - K_s)$, the last two applied to $r_s$ on the sample. Projected on φᵢ each is damped
by $e^{-\sigma_i(t-s)}$.

**The Gram form** $\hat r_t = e^{-Gt}\hat r_0 + \int_0^t e^{-G(t-s)}(G - G_s)\,\hat r_s\,ds$ is the
same identity with the empirical measure of the sample in place of ρ. It needs no code of its own:
pass an eigensystem on `measures.empirical(sample)` and no sample.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ntklib import _checks, kernels
from ntklib.dynamics import Trajectory, ideal_flow
from ntklib.networks import Network, _door, _network, _outputs, _parameters
from ntklib.networks._network import Apply, Kernel, Target
from ntklib.spectrum import Eigensystem
from ntklib.theory._panels import Panels, damped_integrals, panels
from ntklib.theory._parts import Parts, Split

__all__ = ["damped_integrals", "draws", "panels", "split"]


def draws(flow: Trajectory) -> list[Trajectory]:
    """Takes a trajectory of several draws apart, its parameters into the CPU's memory.

    Args:
      flow: residuals of shape (b, s, q).

    Returns:
      b trajectories. What is on the CPU already isn't copied.

    Raises:
      ValueError: flow is a single trajectory.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics
      >>> from ntklib.theory import deviations
      >>> both = dynamics.Trajectory(
      ...     jnp.array([1.0]), jnp.zeros((2, 1, 8)), None, jnp.array([10, 12])
      ... )
      >>> [int(one.steps) for one in deviations.draws(both)]
      [10, 12]
    """
    if flow.residuals.ndim != 3:
        raise ValueError(
            f"flow must hold several draws, but its residuals have shape {flow.residuals.shape}: "
            "use it as it is."
        )
    held = jax.device_get(flow.params)
    return [
        Trajectory(
            flow.times,
            flow.residuals[b],
            _parameters.draw(held, b),
            flow.steps[b],
        )
        for b in range(flow.residuals.shape[0])
    ]


def split(
    network: Network | Apply,
    flow: Trajectory,
    panels: Panels,
    target: Target,
    eigensystem: Eigensystem,
    kernel: Kernel,
    *,
    sample: Float[Array, "n d"] | None = None,
    memory_budget: int = kernels.DEFAULT_BUDGET,
) -> Split:
    r"""Both sides of the damped-deviations identity, the right one by cause.

    The left side is the trajectory and an exponential; the right side knows the trajectory at the
    Gauss points only. K₀ comes from `kernels.empirical` in the initialization and from products
    $J(J^T v)$ at θ₀ in the movement, so that the parts add up to the left side only if both are
    right. The three forces are a telescoping sum: which cause is asked first is a choice, here the
    sample, and the parts of another order differ where their products do.

    Args:
      network: a `Network`, or any (θ, x) ↦ f(x; θ), shape (n,) for x of shape (n, d). Compiled
        once for each object and shape.
      flow: one trajectory at `panels.times`, made with keep_params.
      panels: of time.
      target: f*.
      eigensystem: of T_K on the nodes at which both sides are wanted. Modes beyond those given are
        taken to have eigenvalue 0, on both sides.
      kernel: K, symmetric, such as `network.kernel`.
      sample: the training points of the flow, shape (n, d); None where they were the nodes.
      memory_budget: bytes for K₀ between nodes and sample, the only place where a Jacobian may be
        formed, and by blocks that fit. Besides it there are flow.params, s(g + 1) + 1 times p
        numbers; one product at a time, with a few vectors of length p and the network's
        intermediate results for n + q points; and functions and residuals on the sample at all
        times, about s(g + 1)·(10 q + n) numbers.

    Returns:
      Both sides, functions given at the nodes and axes (times, nodes): `times`, `residuals`,
      `deviation` (the left side), `integral` (the right side) and the same as three integrals,
      `parts.sampling`, `parts.initialization` and `parts.movement`, whose sum is `parts.total`;
      `forces` has their integrands at the Gauss points, axes (times, points, nodes). A pytree:
      stack those of several draws by `jax.tree.map`.

    Raises:
      TypeError: params or sample are not floating-point numbers.
      ValueError: flow has no params, isn't at the times of the panels or holds several draws,
        sample has another dimension, a wrong shape, NaN or infinite values, memory_budget is too
        small, or x64 is off.

    Example:
      >>> import jax.numpy as jnp
      >>> from ntklib import dynamics, measures, spectrum
      >>> from ntklib.theory import deviations
      >>> circle, panels = measures.circle(8), deviations.panels(jnp.array([0.5, 1.0]), points=3)
      >>> linear = lambda theta, x: x @ theta
      >>> along = 1 - jnp.exp(-panels.times / 2)  # the flow to the target x₁ from θ₀ = 0
      >>> params = jnp.stack([along, jnp.zeros_like(along)], axis=1)
      >>> residuals = params @ circle.nodes.T - circle.nodes[None, :, 0]
      >>> flow = dynamics.Trajectory(panels.times, residuals, params, jnp.array(0))
      >>> kernel = lambda x, y: 1 + 2 * x @ y.T  # K₀ is x @ y.T
      >>> system = spectrum.circle(kernel, circle, k=3)
      >>> both = deviations.split(linear, flow, panels, lambda x: x[:, 0], system, kernel)
      >>> bool(jnp.allclose(both.deviation, both.integral, atol=1e-6))
      True
      >>> f"{both.deviation[1, 0]:.4f}"  # e⁻¹ − e^(−1/2), since K has the eigenvalue 1 here
      '-0.2387'
    """
    _checks.require_x64("A difference of trajectories")
    measure = eigensystem.measure
    nodes, weights = measure.nodes, measure.weights
    if sample is None:
        points, shares = nodes, weights
    else:
        points = _checks.real_array("sample", sample, "n d")
        shares = jnp.full(points.shape[0], 1 / points.shape[0])
    params = _on_panels(flow, panels)
    start = _parameters.draw(params, 0)
    first = kernels.empirical(network, start, nodes, points, memory_budget=memory_budget)
    _outputs.one_number_a_point(network, params, nodes, "the nodes")
    wanted = _door.values_of(target, nodes, alone=sample is not None)
    labels = _door.values_of(target, points, alone=False)
    apply, _ = _network.functions(network)
    residuals, shared, at_start, now = _along(
        params, nodes, points, shares, wanted, labels, apply=apply
    )
    _door.look_at_kernel(kernel, nodes)
    limit = _door.gram_of(kernel, nodes, points)
    ideal = eigensystem.synthesis(eigensystem.values[None, :] * eigensystem.coefficients(residuals))
    s, g = panels.points.shape

    def at_points(force: Float[Array, "t q"]) -> Float[Array, "s g q"]:
        return force[1:].reshape(s, g + 1, -1)[:, :g]

    forces = Parts(
        sampling=at_points(ideal - shared @ limit.T),
        initialization=at_points(shared @ (limit - first).T),
        movement=at_points(at_start - now),
    )
    at_ends = residuals[1:].reshape(s, g + 1, -1)[:, g]
    return Split(
        times=panels.ends,
        residuals=at_ends,
        deviation=at_ends - ideal_flow(eigensystem, residuals[0], panels.ends),
        integral=_integral(at_points(ideal - now), eigensystem, panels),
        parts=forces.map(lambda force: _integral(force, eigensystem, panels)),
        forces=forces,
    )


def _integral(force: Array, eigensystem: Eigensystem, panels: Panels) -> Array:
    """Integrates a force given at the nodes; outside the eigenfunctions' span it isn't damped."""
    coefficients = eigensystem.coefficients(force)
    beyond = force - eigensystem.synthesis(coefficients)
    undamped = damped_integrals(beyond, jnp.zeros(beyond.shape[-1]), panels)
    return undamped + eigensystem.synthesis(
        damped_integrals(coefficients, eigensystem.values, panels)
    )


def _on_panels(flow: Trajectory, panels: Panels) -> PyTree:
    """Returns the parameters of a trajectory that fits the panels."""
    if flow.params is None:
        raise ValueError("flow has no params: run gradient_flow with keep_params=True.")
    if flow.residuals.ndim != 2:
        raise ValueError(
            f"flow must be one trajectory, but its residuals have shape {flow.residuals.shape}: "
            "pass those of draws(flow) one by one."
        )
    wanted = panels.times
    if flow.times.shape != wanted.shape or bool(jnp.any(flow.times != wanted)):
        raise ValueError(
            f"flow must be at the {wanted.shape[0]} times of the panels, 0 to "
            f"{float(wanted[-1]):.4g}, but is at {flow.times.shape[0]} times up to "
            f"{float(flow.times[-1]):.4g}: run gradient_flow with times=panels.times."
        )
    return flow.params


@functools.partial(jax.jit, static_argnames="apply")
def _along(
    params: PyTree, nodes: Array, points: Array, shares: Array, on_nodes: Array, labels: Array, *,
    apply: Apply,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Returns at each time r_s at the nodes, r_s·share on the sample, and K₀, K_s times that."""

    def products(theta: PyTree) -> Callable[[Array], Array]:
        _, pullback = jax.vjp(lambda each: apply(each, points), theta)
        _, push = jax.linearize(lambda each: apply(each, nodes), theta)
        return lambda v: push(pullback(v)[0])

    at_start = products(_parameters.draw(params, 0))

    def one(theta: PyTree) -> tuple[Array, Array, Array, Array]:
        shared = shares * (apply(theta, points) - labels)
        return apply(theta, nodes) - on_nodes, shared, at_start(shared), products(theta)(shared)

    return jax.lax.map(one, params)
