"""PyTorch, in an environment of its own, for the benchmarks alone.

Its wheel for Linux brings 3 GB of CUDA, so it is no dependency. PIP_EXTRA_INDEX_URL may name an
index that has a small one.
"""

import shutil
import sys

from . import tools

VERSION = "2.13.0"
FOLDER = tools.TOOLS / "torch"
LOG = FOLDER.with_suffix(".log")
STAMP = FOLDER / ".installed"


def install() -> None:
    """Installs it where it isn't yet.

    Where that fails the benchmarks go on, and say why from the log; the next run tries again.
    """
    wanted = f"{VERSION} {sys.executable}"
    with tools.alone():
        if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
            return
        print(f"Installing PyTorch {VERSION} in {FOLDER}, for the benchmarks.", flush=True)
        shutil.rmtree(FOLDER, ignore_errors=True)
        with LOG.open("w", encoding="utf-8") as log:
            try:
                python = tools.virtual_environment(FOLDER, log)
                pip = (python, "-m", "pip", "install", "-qq", f"torch=={VERSION}", "numpy")
                tools.run("Installing PyTorch", *pip, log=log)
            except SystemExit:
                last = LOG.read_text(encoding="utf-8").splitlines()[-1:]
                print(*last, "Going on without PyTorch.", sep="\n", file=sys.stderr)
                return
        STAMP.write_text(wanted, encoding="utf-8")
