"""What this book needs of Sphinx beyond Jupyter Book.

- The execution cache notices a change in `ntklib` or in the packages that the numbers rest on.
- A whole build can run at another scale than the one its notebooks name.
- The claims recorded by the chapters are checked, shown by `{claims}` and written to a file.
- MathJax is part of the site, so that pages open from a folder, without a network, and so is
  plotly.js, on the pages that have a figure with a slider.
"""

import os

from myst_nb.core.render import load_mime_renders
from sphinx.application import Sphinx

from companion import execution, recorded, site


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the extension."""
    app.add_config_value("companion_claims", {}, "env", dict)
    app.add_config_value("companion_scale", os.environ.get("NTKLIB_SCALE", ""), "env", str)
    app.add_node(recorded.ClaimsTable)
    app.add_directive("claims", recorded.ClaimsDirective)
    # The claims page has formulas that aren't there yet when Sphinx looks for pages with any.
    app.set_html_assets_policy("always")
    # myst-nb finds renderers among installed packages' entry points, and this is not a package.
    if recorded.ClaimRenderer not in load_mime_renders():
        load_mime_renders().append(recorded.ClaimRenderer)
    app.connect("config-inited", execution.choose_cache)
    app.connect("source-read", execution.set_scale)
    app.connect("env-updated", recorded.gather_claims)
    app.connect("doctree-resolved", recorded.fill_tables)
    app.connect("html-page-context", site.load_plotly)
    app.connect("build-finished", site.copy_mathjax)
    app.connect("build-finished", site.copy_plotly)
    app.connect("build-finished", recorded.write_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
