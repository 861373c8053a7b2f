"""Random keys: every function that takes one refuses what is none, with a remedy."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from smallest import CIRCLE, KEY, NETWORK, TARGET, TIMES, network

from companion import api
from ntklib import _arguments, datasets, dynamics, kernels, networks, theory
from ntklib.dynamics import pools
from ntklib.measures import spheres
from ntklib.theory import onset

REMEDY = (
    "make one with jax.random.key(0), or b of them with jax.random.split(jax.random.key(0), b)."
)

ONE_KEY: dict[str, Callable[[Any], Any]] = {
    "datasets.Images.draw": lambda key: datasets.photograph_patches(stride=256).draw(key, 1),
    "dynamics.gradient_descent": lambda key: dynamics.gradient_descent(
        NETWORK,
        NETWORK.init(KEY),
        TARGET,
        CIRCLE,
        np.arange(2),
        optimizer=0.1,
        sample=CIRCLE.nodes,
        batch=2,
        key=key,
    ),
    "kernels.initial_kernels": lambda key: kernels.initial_kernels(
        NETWORK, CIRCLE.nodes, key, draws=2
    ),
    "measures.Measure.sample": lambda key: CIRCLE.sample(key, 4),
    "measures.spheres.angular_gaussian": lambda key: spheres.angular_gaussian(jnp.eye(3), 4, key),
    "measures.spheres.hemispheres": lambda key: spheres.hemispheres(jnp.eye(3)[0], 0.5, 4, key),
    "measures.spheres.uniform": lambda key: spheres.uniform(3, 4, key),
    "theory.onset.neuron_law": lambda key: onset.neuron_law(
        network, jnp.ones(8), CIRCLE, key, neurons=2
    ),
    "theory.plan": lambda key: theory.plan(network, TARGET, CIRCLE, 0.1, key, draws=2),
    # No parameters of a function, but functions themselves.
    "networks.fully_connected(…).init": NETWORK.init,
    "networks.residual(…).init": networks.residual(2, 4, 2).init,
    "networks.convolutional(…).init": networks.convolutional((8, 1), (2,)).init,
    "networks.lenet5(…).init": networks.lenet5().init,
    "networks.antisymmetric(…).init": networks.antisymmetric(NETWORK).init,
}
SEVERAL_KEYS: dict[str, Callable[[Any], Any]] = {
    "dynamics.pools.flows": lambda keys: pools.flows(
        network, TARGET, CIRCLE, TIMES, keys, m=2, widest=4, points=CIRCLE.nodes, n=8
    ),
}
ONE_OR_SEVERAL: dict[str, Callable[[Any], Any]] = {
    "dynamics.kernel_flows": lambda key: dynamics.kernel_flows(
        NETWORK.kernel, TARGET, CIRCLE, TIMES, key, draws=2, n=4
    ),
    "dynamics.network_flows": lambda key: dynamics.network_flows(
        NETWORK, TARGET, CIRCLE, TIMES, key, draws=2
    ),
}
NO_KEYS: dict[str, Any] = {
    "old": jax.random.PRNGKey(0),
    "several old": jax.random.split(jax.random.PRNGKey(0), 2),
    "NumPy": np.zeros(2, np.uint32),
    "seed": 0,
    "NumPy's seed": np.int64(0),
    "JAX's seed": jnp.asarray(0),
    "float": 0.0,
    "text": "0",
    "nothing": None,
    "list": [KEY],
}


def taking(*names: str) -> Iterator[str]:
    """Yields the public functions, and methods of public classes, that take such an argument."""
    for module in api.modules():
        for name in api.public(module):
            value = getattr(importlib.import_module(f"ntklib.{module}"), name)
            found = {name: value} if inspect.isfunction(value) else {}
            if inspect.isclass(value):
                own = vars(value).items()
                found = {f"{name}.{k}": v for k, v in own if inspect.isfunction(v) and k[0] != "_"}
            for each, function in found.items():
                if set(names) & set(inspect.signature(function).parameters):
                    yield f"{module}.{each}"


def test_every_function_that_takes_a_key_is_here() -> None:
    here = {name for name in ONE_KEY | SEVERAL_KEYS | ONE_OR_SEVERAL if "(" not in name}
    assert here == set(taking("key", "keys"))
    lower = {name for name in api.public("networks") if name.islower()}
    # Models of other libraries come with the parameters that they have drawn.
    constructors = {f"networks.{name}" for name in lower if not name.startswith("from_")}
    assert {name.split("(")[0] for name in ONE_KEY if "(" in name} == constructors


@pytest.mark.parametrize("name", ONE_KEY | SEVERAL_KEYS | ONE_OR_SEVERAL)
def test_what_is_no_key_is_refused(name: str) -> None:
    call = (ONE_KEY | SEVERAL_KEYS | ONE_OR_SEVERAL)[name]
    for bad in NO_KEYS.values():
        with refused("must come from jax.random.key, got ", TypeError) as found:
            call(bad)
        text = str(found.value)
        assert text.startswith("keys must" if name in SEVERAL_KEYS else "key must")
        assert text.endswith(REMEDY)


@pytest.mark.parametrize("name", ONE_KEY)
def test_several_keys_for_one_are_refused(name: str) -> None:
    with refused("key must be one key, got an array of them of shape (2,): give one of them"):
        ONE_KEY[name](jax.random.split(KEY, 2))


@pytest.mark.parametrize("name", SEVERAL_KEYS)
def test_one_key_for_several_is_refused(name: str) -> None:
    with refused("keys must be b keys, an array of shape (b,), got shape ()"):
        SEVERAL_KEYS[name](KEY)


def test_keys() -> None:
    for key in (KEY, jax.random.key(0, impl="rbg")):
        assert _arguments.key("key", key) is key
        many = jax.random.split(key, 3)
        assert _arguments.keys("key", many) is many
        jax.vmap(lambda each: _arguments.key("key", each))(many)
    with refused(
        "key must come from jax.random.key, got an array of uint32 of shape (2,), as "
        f"jax.random.PRNGKey makes them: {REMEDY}",
        TypeError,
    ):
        _arguments.key("key", jax.random.PRNGKey(0))
    for shape in ((0,), (1, 2)):
        with refused(f"keys must be b keys, an array of shape (b,), got shape {shape}"):
            _arguments.keys("keys", jnp.broadcast_to(KEY, shape))
