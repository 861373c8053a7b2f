"""The examples of docstrings and README, run as a reader would who pastes one into a session."""

import doctest

import matplotlib.pyplot as plt
import pytest
from places import ROOT

from companion import api
from ntklib import datasets
from ntklib.datasets import _catalog

EXAMPLES = {name: text for name in api.targets() if ">>>" in (text := api.docstring(name))}
# One session from its first block to its last.
EXAMPLES["README.md"] = (ROOT / "README.md").read_text(encoding="utf-8").replace("```", "")


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
