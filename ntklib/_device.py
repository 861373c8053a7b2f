"""The device that JAX computes on."""

import jax


def chosen() -> jax.Device | str | None:
    """Returns what `jax.default_device` is: a device, the name of a platform, or None."""
    found: jax.Device | str | None = getattr(jax.config, "jax_default_device")  # noqa: B009
    return found


def default() -> jax.Device:
    """Returns the one that `jax.default_device` names, or else JAX's first one."""
    named = chosen()
    return named if isinstance(named, jax.Device) else jax.devices(named)[0]


def kind() -> str:
    """Returns the kind of that device, such as "cpu"."""
    return str(default().device_kind)


def on_cpu() -> bool:
    """Returns whether it is the CPU."""
    return default().platform == "cpu"


def side_by_side() -> bool:
    """Returns whether draws run side by side there: see `_integrator.over_draws`."""
    return not on_cpu()
