"""What this book needs of Sphinx beyond Jupyter Book.

- The execution cache notices a change in `ntklib` or in the packages that the numbers rest on.
- Notebooks that have to be run are run side by side before any is read.
- A whole build can run at another scale than the one its notebooks name.
- A page is written when it was read, or when what it shows of other pages has changed.
- The claims recorded by the chapters are checked, shown by `{claims}` and `{claims-figure}`,
  compared with a release's by `{claims-since}`, and written to a file.
- BibTeX of the book, its chapters and the papers is made from what is written elsewhere.
- Chapters have their numbers in the menu and before their titles.
- Code that is plumbing is folded, under a line that says what it does, and so are assertions.
- A page can say what each chapter took (`{costs}`); names in code are links to the API and claims.
- Buttons for the repository, Binder and Colab are there if git knows the repository's address.
- Each page can be had as plain Markdown, and a chapter as a notebook that runs away from the book.
- The API pages show the library's docstrings, whose Markdown becomes formulas, links and code.
- Pages can be used by the keyboard and by screen readers.
- A page can train a network while it is read (`{live}`, `{preset}`).
- The data of each figure can be had as CSV, with what they were made by.
- A reader can write a prediction down where a chapter asks for one, before looking.
- MathJax is part of the site, so that pages open from a folder, without a network, and so is
  plotly.js, on the pages that have a figure with a slider. A page can do without MathJax, and the
  fonts of symbols hold those that are shown.
"""

import gc
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: "Sphinx") -> dict[str, int]:
    """Registers the extension."""
    # Imported here because `changes` is read without Sphinx, which takes seconds to load.
    from myst_nb.core.render import load_mime_renders
    from sphinx.ext import viewcode

    from companion import (
        accessibility,
        api,
        borrowed,
        citations,
        codelinks,
        costs,
        doors,
        execution,
        figuredata,
        folding,
        icons,
        livepage,
        mathml,
        numbering,
        onefile,
        outcomes,
        predicting,
        recorded,
        repository,
        running,
        since,
        site,
        writing,
    )

    # Sphinx keeps a few million objects, and Python would look through all of them again and again
    # for what is no longer used: that took more than half of the time of a build.
    gc.set_threshold(100_000, 50)
    viewcode.get_module_filename = writing.module_file

    app.add_config_value("companion_claims", {}, "env", dict)
    app.add_config_value("companion_scale", os.environ.get("NTKLIB_SCALE", ""), "env", str)
    app.add_config_value("companion_longest", [], "", list)
    app.add_config_value("companion_mathml", [], "html", list)
    app.add_node(recorded.ClaimsTable)
    app.add_directive("claims", recorded.ClaimsDirective)
    app.add_node(recorded.ClaimsFigure)
    app.add_directive("claims-figure", recorded.ClaimsFigureDirective)
    app.add_node(since.ClaimsSince)
    app.add_directive("claims-since", since.ClaimsSinceDirective)
    app.add_node(borrowed.Borrowed)
    app.add_directive("figure-of", borrowed.FigureOfDirective)
    app.add_node(livepage.Live)
    app.add_directive("live", livepage.LiveDirective)
    app.add_directive("preset", livepage.PresetDirective)
    app.add_node(costs.CostsTable)
    app.add_directive("costs", costs.CostsDirective)
    app.add_node(citations.Citations)
    app.add_directive("cite-book", citations.CiteBookDirective)
    app.add_directive("cite-chapters", citations.CiteChaptersDirective)
    app.add_directive("cite-figure", citations.CiteFigureDirective)
    app.add_directive("cite-papers", citations.CitePapersDirective)
    # The claims page has formulas that aren't there yet when Sphinx looks for pages with any.
    app.set_html_assets_policy("always")
    # myst-nb finds renderers among installed packages' entry points, and this is not a package.
    if recorded.ClaimRenderer not in load_mime_renders():
        load_mime_renders().append(recorded.ClaimRenderer)
    app.connect("config-inited", execution.choose_cache)
    app.connect("config-inited", repository.offer_buttons)
    app.connect("builder-inited", onefile.share_handlers)
    app.connect("env-before-read-docs", running.run_stale)
    app.connect("source-read", execution.read)
    # Sphinx notes titles at priority 500.
    app.connect("doctree-read", numbering.number_heading, priority=900)
    for notes in (outcomes, writing):
        app.connect("env-purge-doc", notes.forget)
        app.connect("env-merge-info", notes.merge)
        app.connect("doctree-read", notes.note, priority=950)
    # Before and after napoleon, whose priority is 500.
    app.connect("autodoc-process-docstring", api.read_markdown, priority=400)
    app.connect("autodoc-process-docstring", api.add_types, priority=600)
    app.connect("env-updated", recorded.gather_claims)
    app.connect("env-updated", codelinks.gather_names)
    # Sphinx numbers figures at priority 500.
    app.connect("env-get-updated", writing.choose, priority=900)
    app.connect("doctree-resolved", recorded.fill_tables)
    app.connect("doctree-resolved", recorded.fill_figures)
    app.connect("doctree-resolved", since.fill_changes)
    app.connect("doctree-resolved", borrowed.fill_figures)
    app.connect("doctree-resolved", livepage.fill_live)
    app.connect("doctree-resolved", predicting.offer_fields)
    app.connect("doctree-resolved", folding.fold_checks)
    app.connect("doctree-resolved", figuredata.offer_data)
    app.connect("doctree-resolved", costs.fill_tables)
    app.connect("doctree-resolved", codelinks.link_names, priority=900)
    app.connect("doctree-resolved", onefile.tell_anchors_apart, priority=950)
    app.connect("doctree-resolved", citations.fill_citations)
    app.connect("doctree-resolved", mathml.write_formulas, priority=990)
    app.connect("builder-inited", site.lighten)
    app.connect("html-page-context", site.load_plotly)
    app.connect("html-page-context", site.load_brought)
    app.connect("html-page-context", mathml.spare_mathjax)
    app.connect("html-page-context", figuredata.say_source)
    app.connect("html-page-context", accessibility.mend)
    # After the theme has made its buttons.
    app.connect("html-page-context", repository.point_colab, priority=900)
    app.connect("html-page-context", doors.open_doors, priority=900)
    app.connect("html-page-context", accessibility.mend_contents, priority=900)
    app.connect("html-page-context", numbering.number_page, priority=900)
    app.connect("build-finished", site.copy_mathjax)
    app.connect("build-finished", icons.keep_shown)
    app.connect("build-finished", site.copy_plotly)
    app.connect("build-finished", site.copy_brought)
    app.connect("build-finished", recorded.write_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
