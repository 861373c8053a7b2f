"""neural-tangents imports on today's JAX, without TensorFlow, and JAX is left as it was."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import points
from places import ROOT
from refusals import refused

from ntklib import kernels, networks
from ntklib.networks import _network, _neural_tangents

# Run where nothing has imported neural-tangents yet. Objects are held, not only their ids, so
# that a new one can't be taken for an old one that was freed.
PROGRAM = """
import sys

import jax, jax.core, jax.extend.core, jax.interpreters.ad
from ntklib.networks import _neural_tangents

owners = (jax, jax.core, jax.interpreters.ad)
before = [dict(vars(owner)) for owner in owners]
modules = dict(sys.modules)


def check():
    for owner, names in zip(owners, before):
        now = vars(owner)
        assert not names.keys() - now.keys(), names.keys() - now.keys()
        for name, value in now.items():
            if name in names:
                assert value is names[name], (owner, name)
            else:  # only what importing a submodule of JAX leaves behind
                assert sys.modules.get(f"{owner.__name__}.{name}") is value, (owner, name)
                assert value.__spec__.origin, (owner, name)
    for name, module in modules.items():
        assert sys.modules[name] is module, name
    assert "jax.util" not in sys.modules
    for name in ("neural_tangents.experimental", "tensorflow", "tf2jax"):
        assert name not in sys.modules, name


sys.path.insert(0, sys.argv[1])
try:
    _neural_tangents.load()
except ArithmeticError as error:
    assert str(error) == "halfway", error
else:
    raise AssertionError("the broken package imported")
check()

sys.path.pop(0)
assert _neural_tangents.load().__version__ == "0.6.5"
check()
"""
BROKEN_PACKAGE = """
import jax
from jax.core import Jaxpr, JaxprEqn, Literal, Primitive, Var
from jax.interpreters.ad import zeros_like_p
from jax.util import safe_map, safe_zip
import neural_tangents.experimental

assert jax.util.safe_map is safe_map
raise ArithmeticError("halfway")
"""


def test_jax_is_left_as_it_was_by_an_import_that_fails_and_one_that_works(tmp_path: Path) -> None:
    package = tmp_path / "neural_tangents"
    package.mkdir()
    (package / "__init__.py").write_text(BROKEN_PACKAGE)
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert answer.returncode == 0, answer.stderr


def test_without_neural_tangents_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    _neural_tangents.load.cache_clear()
    _network._built.cache_clear()
    network = networks.fully_connected(3, (4,), "gelu")  # that of erf and ReLU is our own
    with refused("pip install --no-deps neural-tangents==0.6.5", ImportError):
        kernels.analytic(network, jnp.asarray(points(2)))
    # What needs no analytic kernel works without it, and nothing of the failure is kept.
    assert network.apply(network.init(jax.random.key(0)), jnp.asarray(points(2))).shape == (2,)
    monkeypatch.undo()
    assert kernels.analytic(network, jnp.asarray(points(2))).shape == (2, 2)


def test_one_module_imports_it() -> None:
    pattern = re.compile(
        r"^\s*(?:import|from) neural_tangents|import_module\([\"']neural_tan", re.M
    )
    sources = {path.name: path.read_text() for path in ROOT.glob("ntklib/**/*.py")}
    for path in ROOT.glob("chapters/*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        sources[path.name] = "\n".join("".join(source) for source in code)
    assert {name for name, source in sources.items() if pattern.search(source)} == {
        "_neural_tangents.py"
    }


def test_neural_tangents_divides_by_the_outputs() -> None:
    """What the book's page for those who come from there says of `empirical_ntk_fn`."""
    nt = _neural_tangents.load()
    network = networks.fully_connected(3, (5,), "erf", outputs=4)
    x, params = jnp.asarray(points(6)), network.init(jax.random.key(0))
    traced = nt.empirical_ntk_fn(lambda theta, x: network.apply(theta, x))(x, None, params)
    ours = kernels.empirical(network, params, x)
    np.testing.assert_allclose(traced, jnp.trace(ours, axis1=2, axis2=3) / 4, rtol=1e-12)
    scalar = networks.fully_connected(3, (5,), "erf")
    start = scalar.init(jax.random.key(0))
    alone = nt.empirical_ntk_fn(lambda theta, x: scalar.apply(theta, x))(x, None, start)
    own = kernels.empirical(scalar, start, x)
    np.testing.assert_allclose(alone, jnp.trace(own) / 6, rtol=1e-12)  # the points as outputs
