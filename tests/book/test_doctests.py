"""The examples in the docstrings, each run as a reader would who pastes it into a new session."""

import doctest

import matplotlib.pyplot as plt
import pytest

from companion import api
from ntklib import datasets
from ntklib.datasets import _catalog

EXAMPLES = {name: text for name in api.targets() if ">>>" in (text := api.docstring(name))}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples have to work without one, and the tests never download."""

    def fetch(file: object) -> None:
        raise datasets.DownloadError(f"Tests have no network to fetch {file} from.")

    monkeypatch.setattr(_catalog, "fetch", fetch)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    example = doctest.DocTestParser().get_doctest(EXAMPLES[name], {}, name, None, None)
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    plt.close("all")
    assert not told, "".join(told)
