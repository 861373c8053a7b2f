"""A project that `_setup` installs in a moment: its own lock, wheels written here, no network."""

import base64
import csv
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from _setup import tools

# Names that end so lead nowhere.
PUBLIC = "https://index.invalid/simple"
FILES = "https://files.invalid"
PYPROJECT = """\
[build-system]
requires = ["uv_build>=0.9.8,<0.14"]
build-backend = "uv_build"
[project]
name = "tiny"
version = "1"
requires-python = ">=3.11,<3.15"
dependencies = [{names}]
[tool.uv.build-backend]
module-root = ""
[[tool.uv.index]]
url = "{index}"
default = true
"""
LOCKED = """
[[package]]
name = "{name}"
version = "1"
source = {{ registry = "{index}" }}
wheels = [{{ url = "{url}", hash = "sha256:{digest}" }}]
"""

# Ctrl-C is ignored where a shell started the tests in the background. `preexec_fn` can't be used,
# since JAX objects to forks.
LAUNCHER = """
import os, resource, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
if sys.argv[1]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


def digest(content: bytes) -> str:
    """The SHA-256 of a file, as a wheel records it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def wheel(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    """Writes a wheel of version 1 in a folder of its own, as an index has it."""
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{name}-1-py3-none-any.whl", f"{name}-1.dist-info"
    parts = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{file},sha256={digest(content)},{len(content)}" for file, content in parts.items()]
    parts[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in parts.items():
            archive.writestr(file, content)
    (folder / "index.html").write_text(f'<a href="{path.name}">{path.name}</a>', encoding="utf-8")
    return path


class Tree:
    """A copy of `_setup` in a project whose packages are wheels from `wheel`.

    Args:
        root: The project's folder, which is made.
        packages: The packages' files, by name.
        index: The index that the lock names.
        files: Where the lock says that wheels are, by default where they are.
    """

    def __init__(
        self,
        root: Path,
        packages: dict[str, dict[str, bytes]],
        index: str = PUBLIC,
        files: str | None = None,
    ) -> None:
        self.root, self.index = root, root.parent / "index"
        self.venv = root / ".venv"
        shutil.copytree(tools.ROOT / "_setup", root / "_setup")
        (root / "tiny").mkdir()
        (root / "tiny" / "__init__.py").touch()
        names = ", ".join(f'"{name}"' for name in packages)
        pyproject = PYPROJECT.format(names=names, index=index)
        (root / "pyproject.toml").write_text(pyproject, encoding="utf-8")
        lock = 'version = 1\nrevision = 3\nrequires-python = ">=3.11, <3.15"\n'
        for name, parts in packages.items():
            path = wheel(self.index, name, parts)
            url = f"{files or self.index.as_uri()}/{name}/{path.name}"
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            lock += LOCKED.format(name=name, index=index, url=url, digest=found)
        needed = ", ".join(f'{{ name = "{name}" }}' for name in packages)
        lock += '\n[[package]]\nname = "tiny"\nversion = "1"\nsource = { editable = "." }\n'
        lock += f"dependencies = [{needed}]\n[package.metadata]\nrequires-dist = [{needed}]\n"
        (root / "uv.lock").write_text(lock, encoding="utf-8")

    def lend_uv(self) -> None:
        """Gives it this project's own uv, which takes seconds to install."""
        if not tools.whole(tools.OWN):
            pytest.skip("the project's own uv isn't installed: make setup without UV")
        (self.root / ".tools").mkdir(exist_ok=True)
        (self.root / ".tools" / tools.OWN.name).symlink_to(tools.OWN)

    def start(
        self, *command: str, limit: int | None = None, **variables: str
    ) -> subprocess.Popen[str]:
        """Starts `_setup/run` in a process group of its own, with pip and uv not configured.

        Args:
            command: Its arguments.
            limit: How many bytes a file may get, as on a disk that is full.
            variables: Environment variables.
        """
        foreign = ("PIP_", "UV_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "INSTALLER", "EXTRA")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        bare = {"PYTHON": sys.executable, "PIP_CONFIG_FILE": os.devnull, "UV_HTTP_RETRIES": "0"}
        return subprocess.Popen(
            [
                sys.executable,
                "-ISc",
                LAUNCHER,
                str(limit or ""),
                self.root / "_setup" / "run",
                *command,
            ],
            env=own | bare | {"PIP_RETRIES": "0"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, limit: int | None = None, **variables: str) -> tuple[int, str]:
        """Runs `_setup/run`; returns its exit status and what it said."""
        process = self.start(*command, limit=limit, **variables)
        said, _ = process.communicate()
        return process.returncode, said

    def sync(self, **variables: str) -> str:
        """Runs `_setup/run sync`, which must succeed; returns what it said."""
        status, said = self.run("sync", limit=None, **variables)
        assert status == 0, said
        return said

    def wrong(self) -> list[str]:
        """Recorded files that are missing or have another content, and packages without any."""
        (site,) = self.venv.glob("lib/python*/site-packages")
        found = []
        for name in [path.name for path in self.index.iterdir()]:
            record = site / f"{name}-1.dist-info" / "RECORD"
            text = record.read_text(encoding="utf-8") if record.exists() else ""
            rows = csv.reader(text.splitlines())
            recorded = {path: expected for path, expected, _ in rows if expected}
            found += [name] if not recorded else []
            found += [
                path
                for path, expected in recorded.items()
                if not (site / path).is_file()
                or expected != "sha256=" + digest((site / path).read_bytes())
            ]
        return found
