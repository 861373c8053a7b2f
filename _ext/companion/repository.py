"""Where the book's repository is on the web, and the buttons that lead there and run its notebooks.

The address is that of the git remote `origin`. Without one on GitHub there are no such buttons.
"""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from companion.changes import git

GITHUB = re.compile(r"(?:.*@|.*://)(?:.*@)?github\.com[:/](?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")
BINDER, COLAB = "https://mybinder.org", "https://colab.research.google.com"
# Where the workflow puts the notebooks that know the repository's address: Colab opens notebooks
# from a branch alone.
COLAB_BRANCH = "notebooks"
SETUP_CELL = """\
# Installs ntklib where it can't be imported: in the book's own environment this does nothing.
# If you are asked for a restart afterwards, restart and go on below.
import importlib.util
import sys

if "google.colab" in sys.modules:
    extra = "--extra cuda12" if get_ipython().getoutput("ls /dev/nvidia0 2>/dev/null") else ""
    !rm -rf /content/book && git clone --quiet --depth 1 {address} /content/book
    !pip install --quiet uv
    !cd /content/book && uv export --quiet --locked --no-emit-project --no-default-groups \\
        --group kernels {extra} --output-file /content/requirements.txt
    !uv pip install --quiet --system --no-deps -r /content/requirements.txt /content/book
elif importlib.util.find_spec("ntklib") is None:
    %pip install --quiet "ntklib @ git+{address}" mlxtend scikit-learn
    # by itself: pip would add TensorFlow, which isn't used
    %pip install --quiet --no-deps frozendict neural-tangents==0.6.5
"""
SETUP_CELL_WITHOUT_ADDRESS = """\
# In the book's own environment this does nothing.
import importlib.util

if importlib.util.find_spec("ntklib") is None:
    raise ModuleNotFoundError(
        "ntklib can't be imported here. Run `%pip install FOLDER` in a cell of its own, with "
        "the book's folder, in which pyproject.toml is, and then this cell again."
    )
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


def site(config: Config, root: Path) -> str:
    """Returns where the book is on the web: `html_baseurl`, or the pages of the repository.

    Args:
        config: of the book.
        root: a folder of the repository.

    Returns:
        The address of the site's folder, with its last slash; empty if nothing says it.
    """
    if base := config.html_baseurl:
        return f"{base.rstrip('/')}/"
    if not (url := address(root)):
        return ""
    owner, name = url.split("/")[-2:]
    return f"https://{owner.lower()}.github.io/{name}/"


def setup_cell(url: str) -> str:
    """Returns the code by which a notebook away from the book gets `ntklib`, or says how.

    Args:
        url: the repository's address, empty if it isn't known.
    """
    return SETUP_CELL.replace("{address}", url) if url else SETUP_CELL_WITHOUT_ADDRESS
