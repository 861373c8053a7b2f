"""How packages of uv.lock get into an environment: by uv, or by pip from an index of one's own."""

import os
import sys
from pathlib import Path

from . import network, tools

OWN_INDEX = """\
pip is set to another index than uv.lock names, so pip installs, from there. That takes longer;
INSTALLER=uv asks the public index."""


class Installers:
    """uv and pip, with what they trust and where they look."""

    def __init__(self) -> None:
        """Finds uv, or installs it, and reads how pip is configured."""
        given = os.environ.get("UV")
        self._uv = Path(given) if given else tools.own_uv()
        self._with_pip = Path(sys.executable) if given else self._uv.parent / "python"
        options = network.pip_options(self._with_pip)
        self._trust = network.certificates(self._with_pip, options)
        self._index = network.own_index(options)

    def uv(self, what: str, *arguments: str | Path, **variables: str) -> None:
        """Runs uv, with environment variables in addition to those of every tool."""
        tools.run(what, self._uv, *arguments, variables=self._trust | variables)

    def install(self, environment: Path, extras: list[str], groups: list[str]) -> None:
        """Brings an environment to what uv.lock has for the default groups and these.

        Args:
            environment: The folder, which may not be there yet.
            extras: Optional dependencies of the project.
            groups: Dependency groups.

        Raises:
            SystemExit: If a tool fails, or there is no such INSTALLER.
        """
        chosen = [f"--extra={name}" for name in extras] + [f"--group={name}" for name in groups]
        asked = os.environ.get("INSTALLER", "")
        if asked not in {"", "uv", "pip"}:
            sys.exit(f"INSTALLER is {asked}: give uv or pip, or leave it out.")
        if not asked and self._index is not None:
            print(OWN_INDEX, flush=True)
        if asked == "pip" or (not asked and self._index is not None):
            self._install_with_pip(environment, chosen)
        else:
            python = ("--python", sys.executable)
            where = {"UV_PROJECT_ENVIRONMENT": str(environment)}
            self.uv("Installing with uv", "sync", "--locked", *python, *chosen, **where)

    def _install_with_pip(self, environment: Path, chosen: list[str]) -> None:
        """Has uv only say what uv.lock has, with the hashes to which pip holds each package."""
        asked, installed = tools.TOOLS / "requirements.txt", environment / "requirements.txt"
        export = ("export", "--locked", "--no-emit-project", "--no-header", "--no-annotate")
        self.uv("Reading uv.lock", *export, *chosen, "--quiet", "--output-file", asked)
        python = environment / "bin" / "python"
        # Pip removes nothing, so an environment with other packages is made anew.
        if not installed.is_file() or installed.read_bytes() != asked.read_bytes():
            venv = (sys.executable, "-m", "venv", "--clear", "--without-pip", environment)
            tools.run("Making a virtual environment", *venv)
            pip = (self._with_pip, "-m", "pip", "--python", python, "install")
            locked = ("--progress-bar=off", "--require-hashes", "--no-deps", "--requirement", asked)
            tools.run("Installing with pip", *pip, *locked, variables=self._index or {})
            asked.replace(installed)
        project = ("--no-deps", "--editable", tools.ROOT)
        self.uv("Installing the project", "pip", "install", "--python", python, *project)

    def forget(self, packages: list[str]) -> None:
        """Removes packages from uv's cache."""
        self.uv("Cleaning the cache", "cache", "clean", *packages)
