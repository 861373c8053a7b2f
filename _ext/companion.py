"""What this book needs of Sphinx beyond Jupyter Book.

- The execution cache notices a change in `ntklib` or in the packages that the numbers rest on.
- A whole build can run at another scale than the one its notebooks name.
- The claims recorded by the chapters are checked, shown by `{claims}` and written to a file.
- MathJax is part of the site, so that pages open from a folder, without a network, and so is
  plotly.js, on the pages that have a figure with a slider.
"""

import importlib.util
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.core.render import MimeRenderPlugin, load_mime_renders
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

CLAIM_MIME_TYPE = "application/vnd.ntklib.claim+json"
HOLDS = ("holds", "holds, conservative")
SCALES = ("quick", "book", "full")
# Packages whose version can change a figure, besides those that can change a number.
PLOTTING_PACKAGES = ("matplotlib", "plotly")
# The parts of MathJax that a browser can ask for with the entry file below.
MATHJAX_ENTRY = "tex-mml-chtml.js"
MATHJAX_PARTS = (
    MATHJAX_ENTRY,
    "a11y",
    "adaptors",
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
    "ui",
)
# `ntklib.interactive` marks its figures with this attribute.
PLOTLY_MARKER = "data-ntklib-plotly"
PLOTLY_MIME_TYPE = "application/vnd.plotly.v1+json"
PLOTLY_FILE = "plotly/plotly.min.js"

logger = logging.getLogger(__name__)


# ---- execution ---------------------------------------------------------------------------------


def _library_file(name: str) -> Any:
    """Executes one Python file of the library: the whole package would bring JAX into Sphinx."""
    package = importlib.util.find_spec("ntklib")
    if package is None or package.origin is None:
        raise ExtensionError("ntklib is not installed: run this book by `make book`")
    path = Path(package.origin).with_name(f"{name}.py")
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ExtensionError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


_fingerprint = _library_file("_fingerprint")


def environment() -> dict[str, str]:
    """Returns what an executed notebook depends on besides its own text and `ntklib`."""
    platforms = {"platforms": os.environ.get("JAX_PLATFORMS", "")}
    return platforms | dict(_fingerprint.environment(*PLOTTING_PACKAGES))


def fingerprint(root: Path, versions: Mapping[str, str]) -> str:
    """Returns a short hash of every Python file below `root/ntklib` and of `versions`."""
    return str(_fingerprint.digest([_fingerprint.of_sources(root / "ntklib"), dict(versions)]))


def at_scale(notebook: str, scale: str) -> str:
    """Returns a notebook's text with the scale in its `parameters` cell replaced."""
    content = nbformat.reads(notebook, as_version=4)
    cells = [c for c in content.cells if "parameters" in c.metadata.get("tags", [])]
    replaced = 0
    for cell in cells:
        cell.source, count = re.subn(
            r'^scale = "\w+"', f'scale = "{scale}"', cell.source, flags=re.MULTILINE
        )
        replaced += count
    if replaced != 1:
        raise ExtensionError(
            f'expected one line `scale = "…"` in the cell tagged `parameters`, found {replaced}'
        )
    return str(nbformat.writes(content))


def choose_cache(app: Sphinx, config: Config) -> None:
    """Gives each state of the library and of its environment an execution cache of its own."""
    caches = Path(app.outdir).parent / ".jupyter_cache"
    config.nb_execution_cache_path = str(caches / fingerprint(Path(app.srcdir), environment()))


def set_scale(app: Sphinx, docname: str, source: list[str]) -> None:
    """Runs every notebook at the scale that the configuration or `NTKLIB_SCALE` asks for."""
    scale = app.config.companion_scale
    if not scale or not app.env.doc2path(docname).endswith(".ipynb"):
        return
    if scale not in SCALES:
        raise ExtensionError(f"the scale is {scale!r}: choose one of {', '.join(SCALES)}")
    source[0] = at_scale(source[0], scale)


# ---- claims ------------------------------------------------------------------------------------


class ClaimRenderer(MimeRenderPlugin):
    """Shows nothing for the data of a claim or a slider: the same output carries its HTML."""

    mime_priority_overrides: ClassVar[list[tuple[str, str, int | None]]] = []

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Returns an empty rendering for such data, None for any other type."""
        return [] if data.mime_type in (CLAIM_MIME_TYPE, PLOTLY_MIME_TYPE) else None


def audit(
    recorded: Mapping[str, Iterable[Mapping[str, Any]]], expected: Mapping[str, Iterable[str]]
) -> list[str]:
    """Compares the claims that chapters recorded with those they have to record.

    Args:
        recorded: claims by document name.
        expected: claim ids by document name.

    Returns:
        One sentence for each claim that is missing, unlisted, repeated, or refuted without an
        explanation.
    """
    problems = []
    for docname in sorted({*recorded, *expected}):
        claims = list(recorded.get(docname, ()))
        ids = {claim["id"] for claim in claims}
        wanted = set(expected.get(docname, ()))
        problems += [f"{docname} did not record the claim {i!r}" for i in sorted(wanted - ids)]
        problems += [
            f"{docname} recorded the claim {i!r}, which _config.yml doesn't list"
            for i in sorted(ids - wanted)
        ]
        problems += [
            f"the claim {claim['id']!r} of {docname} has the verdict {claim['verdict']!r}"
            for claim in claims
            if claim["verdict"] not in HOLDS and not claim["note"]
        ]
    counts = Counter(claim["id"] for claims in recorded.values() for claim in claims)
    problems += [f"the claim {i!r} was recorded {n} times" for i, n in counts.items() if n > 1]
    return problems


def executed_notebook(app: Sphinx, docname: str) -> Path:
    """Returns the path of an executed notebook, with its outputs.

    On a hit in the execution cache myst-nb leaves the notebook there without them.
    """
    path = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    cache = get_cache(app.env.mystnb_config.execution_cache_path)  # type: ignore[attr-defined]
    with suppress(KeyError):
        _, notebook = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        nbformat.write(notebook, path)
    return path


def gather_claims(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Reads the claims from the executed notebooks and warns of each that is not in order."""
    # Imported here because it loads JAX, which a mere import of this module should not.
    from ntklib.claims import collect

    recorded = {
        docname: collect([executed_notebook(app, docname)])
        for docname in sorted(env.found_docs)
        if env.doc2path(docname).endswith(".ipynb")
    }
    for problem in audit(recorded, app.config.companion_claims):
        logger.warning(problem, type="companion", subtype="claims")
    env.companion_recorded = recorded  # type: ignore[attr-defined]
    return []


def write_claims(app: Sphinx, exception: Exception | None) -> None:
    """Writes every recorded claim to `claims.json` beside the HTML, unless the build failed."""
    path = Path(app.outdir).parent / "claims.json"
    path.unlink(missing_ok=True)
    if exception is not None:
        return
    recorded = app.env.companion_recorded  # type: ignore[attr-defined]
    if not audit(recorded, app.config.companion_claims):
        claims = [claim for claims in recorded.values() for claim in claims]
        path.write_text(json.dumps(claims, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class ClaimsTable(nodes.General, nodes.Element):
    """Stands for the table of claims until every chapter has been executed."""


class ClaimsDirective(SphinxDirective):
    """`{claims}`: a table of every claim that the chapters recorded in this build."""

    def run(self) -> list[nodes.Node]:
        """Returns the node in whose place `fill_tables` puts the table."""
        self.env.note_reread()
        return [ClaimsTable()]


def shown(value: Any) -> str:
    """Returns a recorded value as a reader wants to see it."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items())
    return str(value)


def inline(text: str) -> list[nodes.Node]:
    """Returns text with `$…$` as docutils nodes."""
    parts = re.split(r"\$([^$]+)\$", text)
    return [
        nodes.math(part, part) if i % 2 else nodes.Text(part)
        for i, part in enumerate(parts)
        if part
    ]


def claim_row(claim: Mapping[str, Any], link: nodes.Node) -> list[list[nodes.Node]]:
    """Returns the paragraphs of each cell in a claim's row."""
    target = nodes.paragraph(
        "", "", nodes.literal(claim["id"], claim["id"]), ids=[f"claim-{claim['id']}"]
    )
    measured = f"{shown(claim['measured'])} {claim['relation']} {shown(claim['bound'])}"
    if claim["tolerance"]:
        measured += f" ± {shown(claim['tolerance'])}"
    run = (
        f"{claim['scale']} scale, {claim['device']}, seed {claim['seed']}, {claim['seconds']:.1f} s"
    )
    texts = [
        [claim["statement"], claim["source"]],
        [measured, f"spread {shown(claim['spread'])}"],
        [claim["verdict"], claim["note"]],
        [run],
    ]
    return [
        [target, nodes.paragraph("", "", link)],
        *([nodes.paragraph("", "", *inline(text)) for text in cell] for cell in texts),
    ]


def claims_table(rows: list[list[list[nodes.Node]]]) -> nodes.table:
    """Returns the table of claims."""
    titles = ["Claim", "Statement and source", "Measured, against its bound", "Verdict", "Run"]
    group = nodes.tgroup("", cols=len(titles))
    group += [nodes.colspec("", colwidth=1) for _ in titles]
    header = [[nodes.paragraph("", title)] for title in titles]
    for part, content in ((nodes.thead(), [header]), (nodes.tbody(), rows)):
        part += [nodes.row("", *(nodes.entry("", *cell) for cell in row)) for row in content]
        group += part
    return nodes.table("", group, classes=["claims"])


def fill_tables(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts the recorded claims where a page asks for them."""
    for table in list(doctree.findall(ClaimsTable)):
        rows = []
        for chapter, claims in app.env.companion_recorded.items():  # type: ignore[attr-defined]
            uri = app.builder.get_relative_uri(docname, chapter)
            title = app.env.titles[chapter].astext()
            rows += [
                claim_row(claim, nodes.reference("", title, refuri=uri, internal=True))
                for claim in claims
            ]
        content = claims_table(rows) if rows else nodes.paragraph("", "This build has no chapters.")
        table.replace_self(content)


# ---- site --------------------------------------------------------------------------------------


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Copies the parts of MathJax that pages ask for into the site."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    package = resources.files("mathjax") / "static" / "mathjax"
    with resources.as_file(package) as source:
        for part in MATHJAX_PARTS:
            origin, copy = source / "es5" / part, target / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                shutil.copytree(origin, copy, dirs_exist_ok=True)
            else:
                shutil.copy2(origin, copy)
        shutil.copy2(source / "LICENSE", target)


def load_plotly(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Has a page load plotly.js if it has a figure drawn by plotly."""
    if PLOTLY_MARKER in context.get("body", ""):
        app.add_js_file(PLOTLY_FILE, loading_method="defer")


def copy_plotly(app: Sphinx, exception: Exception | None) -> None:
    """Copies plotly.js from plotly's package into the site, where a page may ask for it."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / PLOTLY_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    package = resources.files("plotly") / "package_data" / "plotly.min.js"
    with resources.as_file(package) as source:
        shutil.copy2(source, target)


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the extension."""
    app.add_config_value("companion_claims", {}, "env", dict)
    app.add_config_value("companion_scale", os.environ.get("NTKLIB_SCALE", ""), "env", str)
    app.add_node(ClaimsTable)
    app.add_directive("claims", ClaimsDirective)
    # The claims page has formulas that aren't there yet when Sphinx looks for pages with any.
    app.set_html_assets_policy("always")
    # myst-nb finds renderers among installed packages' entry points, and this is not a package.
    if ClaimRenderer not in load_mime_renders():
        load_mime_renders().append(ClaimRenderer)
    app.connect("config-inited", choose_cache)
    app.connect("source-read", set_scale)
    app.connect("env-updated", gather_claims)
    app.connect("doctree-resolved", fill_tables)
    app.connect("html-page-context", load_plotly)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", copy_plotly)
    app.connect("build-finished", write_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
