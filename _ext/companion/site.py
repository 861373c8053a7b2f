"""What the site brings along, so that pages open from a folder and without a network."""

import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from ntklib.book._marks import PLOTLY_MARKER

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
PLOTLY_FILE = "plotly/plotly.min.js"
SEARCHING = re.compile(
    r'^[ \t]*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>\n',
    re.MULTILINE,
)
"""The theme lets every page load what searches, and the book searches on the search page alone."""
DRAWING = re.compile(
    r'^[ \t]*<script defer src="[^"]*/scripts/fontawesome\.js[^"]*"></script>\n', re.MULTILINE
)
"""The theme's symbols are in its fonts; this draws them once more."""
LOADED = r"""[ \t]*<(?:script|link)[^>]*[/"]_static/(?:{})(?:\?[^">]*)?"[^>]*>(?:</script>)?\n"""
CLASSES = r'class="(?:[^"]* )?(?:{})[ "]'
SPARED = {
    r"clipboard\.min\.js|copybutton\.(?:js|css)|pygments\.css": "highlight",
    r"togglebutton\.(?:js|css)": "admonition|toggle",
    r"design-tabs\.js": "sd-tab-set",
    r"mystnb\.\w+\.css": "cell",
    r"proof\.css": "proof",
    r"exercise\.css": "exercise|solution",
}
"""What extensions have every page load, by the classes of what on a page needs it."""
HERE = Path(__file__).parent
BROUGHT = {
    "data-ntklib-live": (
        "live/mathematics.js",
        "live/trainer.js",
        "live/drawing.js",
        "live/page.js",
        "live/live.css",
    ),
    "data-ntklib-claims": ("claims/filter.js",),
    "data-ntklib-predict": ("prediction/prediction.js",),
}
"""By an attribute of a page's own, the files of this folder that such pages alone load."""


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


def lighten(app: Sphinx) -> None:
    """Has pages load no scripts and styles that they have no use for."""
    if app.builder.format != "html":
        return
    templates = app.builder.templates
    render = templates.render

    def lighter(template: str, context: dict[str, Any]) -> str:
        page = DRAWING.sub("", render(template, context))
        for names, need in SPARED.items():
            if not re.search(CLASSES.format(need), page):
                page = re.sub(LOADED.format(names), "", page)
        return page if context.get("pagename") == "search" else SEARCHING.sub("", page)

    templates.render = lighter


def load_plotly(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Names plotly.js on a page with a figure drawn by it; `figures.js` loads it when it's time.

    Browsers don't load scripts of a type that they don't know.
    """
    if PLOTLY_MARKER in context.get("body", ""):
        app.add_js_file(PLOTLY_FILE, type="text/later")


def load_brought(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Has a page load the scripts and styles that it asks for by an attribute."""
    for marker, files in BROUGHT.items():
        if marker in context.get("body", ""):
            for name in files:
                if name.endswith(".css"):
                    app.add_css_file(name)
                else:
                    app.add_js_file(name, loading_method="defer")


def copy_brought(app: Sphinx, exception: Exception | None) -> None:
    """Copies those scripts and styles into the site."""
    if exception is not None or app.builder.format != "html":
        return
    for name in (name for files in BROUGHT.values() for name in files):
        target = Path(app.outdir) / "_static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HERE / name, target)


def copy_plotly(app: Sphinx, exception: Exception | None) -> None:
    """Copies plotly.js from plotly's package into the site, where a page may ask for it."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / PLOTLY_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    package = resources.files("plotly") / "package_data" / "plotly.min.js"
    with resources.as_file(package) as source:
        shutil.copy2(source, target)
