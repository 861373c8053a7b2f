"""A small book with the real configuration and extension, for tests that build one."""

import base64
import copy
import json
import os
import pprint
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import yaml
from places import ROOT

from ntklib.book._curves import Curve, Panel, Slider
from ntklib.book.interactive import SliderFigure

PAGE = r"""# A page of $m$

By {cite:t}`bowman2022spectral`, $\sigma_k$ is a rate:

\begin{align*}
a &= b \\
c &= d
\end{align*}

:::{prf:theorem} A theorem of {cite:t}`bowman2022spectral`
:label: theorem-page
:nonumber:

For all $t \le T$, $r_t = e^{-T_K t} r_0$.
:::

```{exercise}
:label: exercise-page

Prove {prf:ref}`theorem-page`.
```

```{exercise}
:label: another-page

Prove it again.
```

**Predict before you look.** Will $r_t$ fall?

![A point.](point.png)

```{bibliography}
```
"""
POINT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
CLAIM: dict[str, Any] = {
    "id": "a-claim",
    "chapter": "page",
    "statement": r"rate of $\hat\epsilon$ in $m$",
    "source": "Corollary 2",
    "measured": -0.987654,
    "relation": "≤",
    "bound": -0.5,
    "resolution": 0.25,
    "spread": [-1.1, -0.9],
    "effect": 0.6,
    "verdict": "holds, conservative",
    "note": "Better than guaranteed by 0.49.",
    "scale": "book",
    "device": "cpu",
    "seed": 0,
    "seconds": 1.5,
}
# Prints another number each time it is executed.
STAMP = 'scale = "book"\nseed = 0\nimport time\nprint("stamp", time.time_ns())'
FIGURE = {"mystnb": {"figure": {"caption": "What *the slider* shows.", "name": "fig-slider"}}}


def record(claim: dict[str, Any]) -> str:
    """Returns code that records a claim as `ntklib.book.claims` does, and checks its name."""
    markup = f"<div class='claim' id='recorded-{claim['id']}'>It <b>holds</b>.</div>"
    return (
        "from IPython.display import display\n"
        f"claim = {pprint.pformat(claim, width=80)}\n"
        "display({'application/vnd.ntklib.claim+json': claim,\n"
        f"         'text/html': {markup!r},\n"
        "         'text/plain': 'It holds.'}, raw=True)\n"
        "assert claim['id']"
    )


def slider() -> str:
    """Returns code that shows a figure of `ntklib.book.interactive` without importing it."""
    times = np.linspace(0.0, 3.0, 7)
    waves = np.stack([np.exp(-rate * times) for rate in (0.5, 1.0, 2.0)])
    panel = Panel([Curve("size", times, waves)], "time t", "size")
    sliders = [Slider("rate", ["0.5", "1", "2"])]
    figure = SliderFigure(sliders, [panel], description="An exponential; it falls faster.")
    return f"from IPython.display import display\ndisplay({figure._repr_mimebundle_()!r}, raw=True)"


class Book:
    """A book of one notebook and the claims page, with the real configuration and extension."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.claims = {"chapters/page": [CLAIM["id"]]}
        (folder / "chapters").mkdir(parents=True)
        for name in ("_ext", "_static"):
            shutil.copytree(ROOT / name, folder / name)
        for path in (ROOT / "chapters").glob("claims*"):
            shutil.copy(path, folder / "chapters" / path.name)
        shutil.copy(ROOT / "chapters" / "references.bib", folder / "chapters")
        (folder / "chapters" / "point.png").write_bytes(POINT)
        # Packages in .venv bring pages of their own, which are none of the book's.
        (folder / ".venv" / "package").mkdir(parents=True)
        (folder / ".venv" / "package" / "page.md").write_text("### A page without a title\n")
        (folder / "ntklib").mkdir()
        (folder / "ntklib" / "library.py").write_text("x = 1\n")
        pages = ["root: chapters/page", "chapters:", "- file: chapters/claims"]
        (folder / "_toc.yml").write_text("\n".join(["format: jb-book", *pages]))
        self.write(STAMP, record(CLAIM), slider())

    def copy(self, folder: Path) -> "Book":
        """Copies it, with what has been built and cached."""
        shutil.copytree(self.folder, folder)
        other = copy.copy(self)
        other.folder = folder
        return other

    @property
    def site(self) -> Path:
        """The folder of the built book."""
        return self.folder / "_build" / "html"

    def write(self, *cells: str) -> None:
        """Writes the notebook, with these code cells."""
        parameters, *rest = (nbformat.v4.new_code_cell(cell) for cell in cells)
        parameters.metadata["tags"] = ["parameters"]
        for cell in rest:
            cell.metadata.update(FIGURE if "range" in cell.source else {})
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(PAGE), parameters, *rest],
            metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        )
        nbformat.write(notebook, self.folder / "chapters" / "page.ipynb")

    def add(self, name: str, content: str) -> None:
        """Adds a page in Markdown to the end of the book."""
        (self.folder / "chapters" / f"{name}.md").write_text(content, encoding="utf-8")
        with (self.folder / "_toc.yml").open("a") as file:
            file.write(f"\n- file: chapters/{name}")

    def replace(self, old: str, new: str, name: str = "page.ipynb") -> None:
        """Replaces text of a page, which is the notebook unless it is named."""
        path = self.folder / "chapters" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def build(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Builds it as `make book` does."""
        return self._run([sys.executable, "-m", "companion.build"], environment)

    def single(self) -> Path:
        """Builds it as one page, as `make pdf` does, and returns that page."""
        program = Path(sys.executable).with_name("jupyter-book")
        builder = ["--builder", "custom", "--custom-builder", "singlehtml"]
        answer = self._run([str(program), "build", "-W", "--keep-going", *builder, "."], {})
        assert answer.returncode == 0, answer.stderr
        page = self.folder / "_build" / "singlehtml" / "chapters" / "page.html"
        return page.rename(page.parent.with_name("book.html"))

    def _run(
        self, command: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        config["sphinx"]["config"]["companion_claims"] = self.claims
        (self.folder / "_config.yml").write_text(yaml.safe_dump(config))
        own = {"NTKLIB_SCALE": "", "NO_COLOR": "1", "PYTHONPATH": "_ext"}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **own, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def html(self, page: str) -> str:
        """Returns a built page."""
        return (self.site / f"{page}.html").read_text(encoding="utf-8")

    def stamp(self) -> str:
        """Returns the number that the notebook printed when it was last executed."""
        (number,) = re.findall(r"stamp (\d+)", self.html("chapters/page"))
        return str(number)

    def recorded(self) -> list[dict[str, Any]] | None:
        """Returns the content of claims.json, None without such a file."""
        path = self.folder / "_build" / "claims.json"
        return json.loads(path.read_text()) if path.exists() else None


def deadly(path: Path) -> None:
    """Writes a notebook whose fourth cell ends its own kernel."""
    cells = [nbformat.v4.new_code_cell(each) for each in (STAMP, "import os", "x = 1\nos._exit(1)")]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# A page"), *cells, nbformat.v4.new_code_cell("x")],
        metadata={"kernelspec": kernel},
    )
    nbformat.write(notebook, path)
