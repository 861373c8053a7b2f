"""Prints the interpreter behind the Python that runs this, or why the project can't use it.

Exits with 3 if another Python on the machine can do, and with 4 if none can. Pythons that are far
too old read this file too, so it has nothing that they don't know.
"""

import os
import platform
import sys
import sysconfig

OLDEST, NEWEST = (3, 11), (3, 14)
MACHINES = {"linux": ("x86_64", "aarch64"), "darwin": ("arm64",)}
SYSTEM = "linux" if sys.platform.startswith("linux") else sys.platform
ON_APPLE_SILICON = "ARM64" in platform.version()  # which a Python for Intel can't tell otherwise
OTHER_PYTHON, NO_PYTHON = 3, 4


def glibc():
    # type: () -> tuple[int, ...]
    """The version of the C library where it is glibc, otherwise ()."""
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except ValueError:  # other C libraries don't know the question
        return ()
    return tuple(map(int, version.split(".")[:2])) if name == "glibc" else ()


def wrong_python():
    # type: () -> str | None
    """What is wrong with this Python, as the end of a sentence."""
    version = sys.version_info[:2]
    needs = "Python " + platform.python_version() + ", and the project needs 3.11 to 3.14"
    if platform.python_implementation() != "CPython":
        return platform.python_implementation() + ", and the project needs CPython"
    if version < OLDEST:
        return needs
    if version > NEWEST:
        return needs + ": jaxlib, NumPy, SciPy and h5py have no wheels for it yet"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "a free-threaded build, in which the project isn't tested"
    if sys.maxsize < 2**32:
        return "a build for 32 bits, for which jaxlib has no wheels"
    if SYSTEM == "darwin" and platform.machine() == "x86_64":
        return "for Intel, on a Mac with Apple silicon: install a Python for arm64"
    return None


def wrong_machine():
    # type: () -> str | None
    """What keeps every Python of this machine from running the project."""
    if SYSTEM not in MACHINES:
        return "The project runs on Linux and macOS, not on " + SYSTEM + ": on Windows, use WSL."
    if SYSTEM == "darwin" and platform.machine() == "x86_64":
        if ON_APPLE_SILICON:
            return None
        return "jaxlib has no wheels for Intel Macs any more: use Linux, or Binder."
    if platform.machine() not in MACHINES[SYSTEM]:
        return "jaxlib has no wheels for " + sysconfig.get_platform() + "."
    if SYSTEM == "linux" and not glibc():
        return "jaxlib has no wheels for musl: use a Linux with glibc, such as Debian or Fedora."
    if SYSTEM == "linux" and glibc() < (2, 28):
        return "The packages need glibc 2.28 or newer: use a newer Linux."
    return None


def main():
    # type: () -> int
    """Prints the answer; returns the exit status."""
    machine = wrong_machine()
    if machine:
        print(machine)
        return NO_PYTHON
    python = wrong_python()
    if python:
        print(sys.executable + " is " + python + ".")
        return OTHER_PYTHON
    print(os.path.realpath(sys._base_executable))  # type: ignore[attr-defined]
    return 0


if __name__ == "__main__":
    sys.exit(main())
