"""Draws overview.svg, the README's and the landing page's figure: `make overview`.

Sixteen networks learn a sum of three frequencies from samples of the circle. Left, one
residual as a function of the angle; right, its projections on the kernel's
eigenfunctions against the prediction e^{−σt}.
"""

from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from ntklib import dynamics, measures, networks, spectrum, targets  # noqa: E402
from ntklib.book import plots  # noqa: E402

FREQUENCIES = (1, 2, 3)


def main() -> None:
    """Trains the networks and writes the figure beside this file."""
    circle = measures.circle(64)
    network = networks.antisymmetric(
        networks.fully_connected(2, (512,), "erf", biases=True)
    )
    target = targets.FourierSum(FREQUENCIES, (1.0, 1.0, 1.0), phases=(0.0, 0.5, 1.0))
    times = jnp.linspace(0.5, 30, 60)
    flows, _ = dynamics.network_flows(
        network, target, circle, times, jax.random.key(0), draws=16, n=512
    )
    sigma = spectrum.fourier_eigenvalues(network.kernel, max(FREQUENCIES))

    def by_frequency(residuals: jax.Array) -> jax.Array:
        return spectrum.frequency_norms(residuals, circle, max(FREQUENCIES))[..., 1:]

    initial = -target(circle.nodes)
    predicted = by_frequency(initial) * jnp.exp(-sigma[1:] * times[:, None])
    plt.style.use(plots.STYLE)
    plt.rcParams["svg.hashsalt"] = "overview"  # the same file for the same figure
    figure, axes = plots.panels(2)
    degrees = np.degrees(measures.equispaced_angles(64))
    axes[0, 0].plot(degrees, initial, color=plots.COLOURS[-1], label="t = 0")
    for index in (3, 19, 59):
        axes[0, 0].plot(
            degrees, flows.residuals[0, index], label=f"t = {times[index]:.0f}"
        )
    axes[0, 0].set(
        xlabel="angle (degrees)", ylabel="residual $r_t$", title="One residual, in time"
    )
    axes[0, 0].legend()
    labels = [f"frequency {j}" for j in FREQUENCIES]
    plots.mode_decay(
        axes[0, 1], times, by_frequency(flows.residuals), predicted, labels
    )
    axes[0, 1].set(title="Its projections, and predicted (dashed)", ylim=(5e-3, 1.5))
    axes[0, 1].legend(loc="lower left")
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
