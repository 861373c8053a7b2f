"""The live page in a browser: its mathematics beside ntklib's, and what a reader can do with it."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from books import Book
from places import ROOT
from playwright.sync_api import Page

from companion import livepage
from ntklib import dynamics, kernels, measures, networks, spectrum, studies, theory

CIRCLE = measures.circle(64)
# What the page and the library compute from one θ₀ and one sample of their own.
COMPUTED = """(given) => {
  const math = mathematics();
  const { width, depth, activation, theta, sample, target, times, step } = given;
  const net = math.network(width, depth, activation);
  const training = new math.Training({
    net, theta: Float64Array.from(theta), sample: sample && Float64Array.from(sample), target,
    step, nodes: 64,
  });
  const start = Array.from(
    math.predictions(net, training.theta, training.nodes, training.nodeStates));
  let most = 0;
  const seen = times.map((until) => {
    for (let steps = 0; steps < 1e5 && training.advance(until); steps++) {
      most = Math.max(most, training.asked);
    }
    training.look();
    return { ...training.observe(), asked: training.asked, most };
  });
  const last = seen[seen.length - 1];
  return {
    start, kernel: Array.from(training.kernel), off: training.offStart,
    eigenvalues: Array.from(training.system.values),
    residuals: seen.map(({ residual }) => Array.from(residual)),
    asked: seen.map(({ asked }) => asked),
    forgotten: seen.map(({ epsilon, most }) => epsilon - most),
    total: seen.map(({ total }) => total),
    projected: Array.from(last.projected), moved: last.moved,
  };
}"""


def with_page(book: Book) -> Book:
    """Adds the live page to a book that has no chapters: its links to them are text there."""
    chapters = book.folder / "chapters"
    text = (ROOT / "chapters" / "live.md").read_text(encoding="utf-8")
    text = re.sub(r"\[\]\([\w-]+\.ipynb[^)]*\)", "a chapter", text)
    (chapters / "live.md").write_text(text, encoding="utf-8")
    (chapters / "images").mkdir()
    picture = ROOT / "chapters" / "images" / "live.png"
    (chapters / "images" / "live.png").write_bytes(picture.read_bytes())
    with (book.folder / "_toc.yml").open("a") as toc:
        toc.write("\n- file: chapters/live\n")
    return book


def script(name: str) -> str:
    """Returns one of the page's scripts."""
    return (livepage.FOLDER / name).read_text(encoding="utf-8")


class Case:
    """A network and a sample of ntklib, and what it computes of them."""

    def __init__(
        self, activation: str, depth: int, width: int, n: int | None, step: float = 0.0
    ) -> None:
        network = networks.fully_connected(2, (width,) * depth, activation, biases=True)
        self.network = networks.antisymmetric(network)
        self.params = self.network.init(jax.random.key(depth))
        self.sample = None if n is None else CIRCLE.sample(jax.random.key(7), n)
        self.shape = {"width": width, "depth": depth, "activation": activation}
        self.step = step
        # Whole numbers of steps, if there are any.
        self.times = step * np.array([1.0, 20.0, 400.0]) if step else np.array([0.1, 1.0, 40.0])

    def given(self) -> dict[str, Any]:
        """Returns what the page needs to compute the same."""
        target, halves = studies.TARGET, []
        for half in ("plus", "minus"):
            for layer in self.params[half]:
                halves += [np.ravel(layer["weight"]), np.ravel(layer["bias"])]
        angles = None if self.sample is None else measures.angles_of(self.sample).tolist()
        waves = {
            "frequencies": list(target.frequencies),
            "amplitudes": list(target.amplitudes),
            "phases": list(target.phases),
        }
        return {
            **self.shape,
            "theta": np.concatenate(halves).tolist(),
            "sample": angles,
            "target": waves,
            "times": self.times.tolist(),
            "step": self.step,
        }

    def expected(self) -> dict[str, Any]:
        """Returns what the library computes, by the names of `COMPUTED`."""
        target = studies.TARGET(CIRCLE.nodes)
        if self.step:
            steps = np.rint(self.times / self.step).astype(int)
            descent = dynamics.gradient_descent(
                self.network, self.params, studies.TARGET, CIRCLE, steps,
                optimizer=self.step, sample=self.sample, keep_params=True, progress=False,
            )  # fmt: skip
            residuals, params = descent.values - target[None], descent.params
        else:
            flow = dynamics.gradient_flow(
                self.network, self.params, studies.TARGET, CIRCLE, jnp.asarray(self.times),
                sample=self.sample, keep_params=True, progress=False, rtol=1e-9, atol=1e-12,
            )  # fmt: skip
            residuals, params = flow.residuals, flow.params
        system = spectrum.circle(self.network.kernel, CIRCLE)
        both = theory.compare(residuals, -target, jnp.asarray(self.times), system)
        start = kernels.empirical(self.network, self.params, CIRCLE.nodes)
        last = jax.tree.map(lambda leaf: leaf[-1], params)
        end = kernels.empirical(self.network, last, CIRCLE.nodes)
        analytic = kernels.analytic(self.network, CIRCLE.nodes)
        return {
            "start": np.zeros(64),
            "kernel": np.ravel(start),
            "off": kernels.distance(start, analytic, CIRCLE),
            "eigenvalues": system.values,
            "residuals": residuals,
            "asked": np.max(both.projected / both.damping, axis=-1),
            "forgotten": np.zeros(len(self.times)),
            "total": both.total,
            "projected": both.projected[-1],
            "moved": kernels.distance(start, end, CIRCLE),
        }


def differences(page: Page, case: Case, expected: dict[str, Any]) -> dict[str, float]:
    """Returns the largest difference of each quantity, relative to its largest value or to 1."""
    found = page.evaluate(COMPUTED, case.given())
    return {
        name: float(
            np.max(np.abs(np.asarray(found[name]) - np.asarray(value)))
            / (np.max(np.abs(value)) or 1.0)
        )
        for name, value in expected.items()
    }


def settings(page: Page) -> dict[str, str]:
    """Returns what the page's controls say."""
    return dict(
        page.eval_on_selector_all(
            ".live-controls :is(input, select)",
            "all => all.map((each) => [each.id.slice(5), each.getAttribute('aria-valuetext') "
            "?? each.value])",
        )
    )


def numbers(page: Page) -> dict[str, str]:
    """Returns the numbers below the charts."""
    return dict(
        page.eval_on_selector_all(
            ".live-numbers dd", "all => all.map((each) => [each.dataset.live, each.textContent])"
        )
    )


def train(page: Page) -> str:
    """Trains to the end and returns what the page then says."""
    page.get_by_role("button", name="To the end").click()
    status = page.locator("[data-live=status]")
    page.wait_for_function("(status) => status.textContent !== ''", arg=status.element_handle())
    page.wait_for_timeout(100)  # a few frames, in which the last numbers are written
    return status.inner_text()


def address(site: Path, anchor: str = "") -> str:
    """Returns the address of the live page of a built book."""
    return (site.resolve() / "chapters" / "live.html").as_uri() + anchor


def presets() -> dict[str, dict[str, str]]:
    """Returns the page's presets, and the settings of each, by their names in an address."""
    text = (ROOT / "chapters" / "live.md").read_text(encoding="utf-8")
    found = re.findall(r"```\{preset\} (\S+)\n:title: .+\n:settings: (\S+)\n", text)
    return {name: dict(pair.split("=") for pair in settings.split("&")) for name, settings in found}


def referring(chapter: Path) -> set[str]:
    """Returns the presets that a chapter refers to."""
    cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return set(re.findall(r"\{ref\}`[^`<]+<(live-\w+)>`", text))
