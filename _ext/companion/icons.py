"""The theme's symbols: of three fonts of 300 kB, what the site shows, some kB."""

import re
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx

NAMED = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+) ?"\}')
"""What a style sheet says of a symbol's names."""
CODE = re.compile(r"""["']\\([0-9a-f]{4}) ?["']""")
NAME = re.compile(r"\bfa-[a-z0-9-]+")
FONTS = Path("vendor/fontawesome/webfonts")


def shown(static: Path) -> set[int]:
    """Returns the code points of the symbols that pages, scripts and styles of a site ask for."""
    codes: dict[str, str] = {}
    found: set[str] = set()
    for path in static.rglob("*.css"):
        styles = path.read_text(encoding="utf-8")
        for names, code in NAMED.findall(styles):
            codes |= dict.fromkeys(NAME.findall(names), code)
        found |= set(CODE.findall(NAMED.sub("", styles)))
    for path in (*static.parent.rglob("*.html"), *static.glob("scripts/*.js")):
        names = set(NAME.findall(path.read_text(encoding="utf-8")))
        found |= {codes[name] for name in names & codes.keys()}
    return {int(code, 16) for code in found}


def keep_shown(app: Sphinx, exception: Exception | None) -> None:
    """Leaves in the site's fonts of symbols those that are shown."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    wanted = shown(static)
    options = subset.Options(flavor="woff2", hinting=False)
    for path in (static / FONTS).glob("*.woff2"):
        font = subset.load_font(path.with_suffix(".ttf"), options)
        cut = subset.Subsetter(options)
        cut.populate(unicodes=wanted)
        cut.subset(font)
        subset.save_font(font, path, options)
