"""Where the book's repository is on the web, and the buttons that lead there and run its notebooks.

The address is that of the git remote `origin`. Without one on GitHub there are no such buttons.
"""

import re
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx
from sphinx.config import Config

from companion.changes import git

GITHUB = re.compile(r"(?:.*@|.*://)(?:.*@)?github\.com[:/](?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")
BINDER, COLAB = "https://mybinder.org", "https://colab.research.google.com"
# Where the workflow puts the notebooks that know the repository's address: Colab opens notebooks
# from a branch alone.
COLAB_BRANCH = "notebooks"
COLAB_CELL = """\
# Google Colab needs this, once a session; elsewhere it does nothing.
# If Colab asks for a restart afterwards, restart and go on below.
import sys

if "google.colab" in sys.modules:
    extra = "--extra cuda12" if get_ipython().getoutput("ls /dev/nvidia0 2>/dev/null") else ""
    !rm -rf /content/book && git clone --quiet --depth 1 {address} /content/book
    !pip install --quiet uv
    !cd /content/book && uv export --quiet --locked --no-emit-project --no-default-groups \\
        --group kernels {extra} --output-file /content/requirements.txt
    !uv pip install --quiet --system --no-deps -r /content/requirements.txt /content/book
"""


def address(root: Path) -> str:
    """Returns the repository's address on the web, such as https://github.com/owner/name.

    Args:
        root: a folder of the repository.

    Returns:
        The address, empty if there is no remote `origin` or it isn't on GitHub.
    """
    found = GITHUB.fullmatch(git(root, "remote", "get-url", "origin"))
    return f"https://github.com/{found['name']}" if found else ""


def offer_buttons(app: Sphinx, config: Config) -> None:
    """Has the theme show buttons for the repository, Binder and Colab where there is an address."""
    root = Path(app.srcdir)
    if not (url := address(root)):
        return
    options = config.html_theme_options
    options["repository_url"] = url
    options["repository_branch"] = git(root, "branch", "--show-current") or "main"
    options["use_repository_button"] = options["use_issues_button"] = True
    services = {"binderhub_url": BINDER, "colab_url": COLAB}
    options["launch_buttons"] = {**options.get("launch_buttons", {}), **services}


def point_colab(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leads Colab to the notebook that installs what it needs."""
    branch = app.config.html_theme_options.get("repository_branch", "")
    for group in context.get("header_buttons", ()):
        for button in group.get("buttons", ()):
            if button.get("url", "").startswith(COLAB):
                button["url"] = button["url"].replace(
                    f"/blob/{branch}/", f"/blob/{COLAB_BRANCH}/", 1
                )


def add_install_cells(app: Sphinx, exception: Exception | None) -> None:
    """Adds the cell for Colab to the notebooks that the site offers for download."""
    url = address(Path(app.srcdir))
    if exception is not None or app.builder.format != "html" or not url:
        return
    for path in sorted((Path(app.outdir) / "_sources").rglob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        cell = nbformat.v4.new_code_cell(COLAB_CELL.replace("{address}", url), id="colab")
        notebook.cells.insert(1, cell)
        nbformat.write(notebook, path)
