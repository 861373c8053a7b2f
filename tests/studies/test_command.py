"""`python -m ntklib study`: from a shell to a file, with errors that say what to do."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import xarray as xr
from places import ROOT
from study_cells import logged, wait_for

from ntklib import __main__ as command
from ntklib import studies
from ntklib.studies import Axis, Study, _command

LINEAR = (
    "study", "linear-width", "--scale", "quick", "--width", "4", "--samples", "5", "inf",
    "--times", "3", "--horizon", "1", "--nodes", "8", "--batch", "1", "--seeds", "3",
)  # fmt: skip


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path) -> Path:
    """A study that takes no time is the only one, and what it evaluates is noted here."""
    tiny = Study(
        "tiny", "Takes no time.", logged, {"n": Axis(dict.fromkeys(("quick", "book"), (1, 2)))},
        settings={s: {"log": str(log), "pause": 0.0} for s in ("quick", "book")},
        seeds={"quick": 2, "book": 4}, batch=2, memory=lambda point, batch, _: 1e6 * point["n"],
    )  # fmt: skip
    monkeypatch.setattr(studies, "STUDIES", {"tiny": tiny})
    monkeypatch.setattr(command, "DESCRIPTIONS", {"tiny": tiny.description})
    monkeypatch.chdir(tmp_path)
    return log


def in_process(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Returns the exit status and what was written to stderr."""
    try:
        status = command.main(arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, capsys.readouterr().err


# ---- in processes of their own -----------------------------------------------------------------


def test_a_study_writes_its_dataset(tmp_path: Path) -> None:
    out = tmp_path / "found.nc"
    answer = subprocess.run(
        [sys.executable, "-m", "ntklib", *LINEAR, "--out", str(out)],
        cwd=ROOT, text=True, capture_output=True, check=False,
        env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},  # compiling is what takes long
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert f"{out}: 6 cells computed, 0 reused" in answer.stdout
    found = studies.load(out)
    assert dict(found.sizes) == {
        "measure": 1,
        "architecture": 1,
        "width": 1,
        "samples_label": 2,
        "seed": 3,
        "time": 3,
    }
    assert found.epsilon.attrs["units"] == "1/time^2"
    assert json.loads(found.attrs["configuration"])["x64"] is True
    assert (found.epsilon > 0).all()


# Jobs that a shell has put in the background ignore Ctrl-C, and so would their children.
SLOW = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from study_cells import logged, wait_for
from ntklib import __main__ as command, studies
from ntklib.studies import Axis, Study

axes = {"n": Axis({"book": tuple(range(12))})}
settings = {"book": {"log": sys.argv.pop(), "pause": 0.25}}
slow = Study("slow", "", logged, axes, settings=settings, seeds={"book": 1}, batch=1)
studies.STUDIES = {"slow": slow}
command.DESCRIPTIONS = {"slow": ""}
sys.exit(command.main(sys.argv[1:]))
"""


def test_an_interrupted_study_goes_on(tmp_path: Path, log: Path) -> None:
    out, cache = tmp_path / "found.nc", tmp_path / "cache"
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])

    def start() -> "subprocess.Popen[str]":
        given = ["study", "slow", "--out", str(out), "--cache", str(cache), str(log)]
        return subprocess.Popen(
            [sys.executable, "-c", SLOW, *given], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths},
        )  # fmt: skip

    process = start()
    wait_for(lambda: list(cache.rglob("*.npz")) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert (process.returncode, output) == (_command.INTERRUPTED, ""), errors
    assert errors.endswith("Interrupted. What was done is saved: the same command goes on.\n")
    assert not out.exists()
    saved = len(list(cache.rglob("*.npz")))
    assert 1 <= saved < 12
    process = start()
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert f"{out}: {12 - saved} cells computed, {saved} reused" in output
    assert dict(xr.load_dataset(out, engine="h5netcdf").sizes) == {"n": 12, "seed": 1}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["found.nc"]


# ---- in this process ---------------------------------------------------------------------------


def test_help_lists_the_studies(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["study", "--help"])
    output = " ".join(capsys.readouterr().out.split())
    for name, chosen in studies.STUDIES.items():
        assert f"{name} {chosen.description}" in output


def test_help_needs_no_jax() -> None:
    code = "import sys, ntklib.__main__ as c; c.parser().format_help(); print('jax' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True
    )
    assert answer.stdout == "False\n"


def test_help_lists_a_studys_axes_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["study", "linear-width", "--help"])
    output = " ".join(capsys.readouterr().out.split())
    assert "--samples VALUE [VALUE ...] samples n; at scale book: 16 32 64" in output
    assert '--architecture VALUE [VALUE ...] architecture; at scale book: "fully' in output
    assert "--horizon VALUE at scale book: 60.0" in output
    assert "--scale {quick,book,full}" in output


def test_options_choose_the_grid(only: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, errors = in_process(
        ["study", "tiny", "--n", "3", "4", "5", "--seeds", "3", "--out", "a.nc"], capsys
    )
    assert (status, errors) == (0, "")
    found = xr.load_dataset("a.nc", engine="h5netcdf")
    assert (found.n.values.tolist(), found.sizes["seed"]) == ([3, 4, 5], 3)
    assert (only.parent / "cache" / "tiny").is_dir()
    assert command.main(["study", "tiny", "--scale", "quick", "--out", "b.nc"]) == 0
    assert dict(xr.load_dataset("b.nc", engine="h5netcdf").sizes) == {"n": 2, "seed": 2}
    assert "b.nc: 2 cells computed, 0 reused" in capsys.readouterr().out


def test_a_damaged_cell_is_reported_in_a_line(
    only: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["study", "tiny", "--out", "a.nc"])
    damaged = next(iter((tmp_path / "cache").rglob("*.npz")))
    damaged.write_bytes(b"")
    status, errors = in_process(["study", "tiny", "--out", "a.nc"], capsys)
    assert status == 0
    assert errors.startswith(f"warning: the saved cell {damaged} is damaged (")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["nothing"], "invalid choice: 'nothing' (choose from"),
        (["tiny"], "the following arguments are required: --out"),
        (["tiny", "--out", "a.csv"], "'a.csv' must end in .nc or .zarr."),
        (
            ["tiny", "--out", "no/a.nc"],
            "the folder no can't be written to (No such file or",
        ),
        (["tiny", "--out", "a.nc", "--n", "many"], "argument --n: invalid int value: 'many'"),
        (["tiny", "--out", "a.nc", "--seeds", "0"], "'0' is no whole number from 1 on."),
        (["tiny", "--out", "a.nc", "--memory", "big"], "'big' is no size: give bytes, or such as"),
        (["tiny", "--out", "a.nc", "--scale", "huge"], "invalid choice: 'huge'"),
        (["tiny", "--out", "a.nc", "--n", "1", "1"], "error: the axis n has a value twice"),
        (
            ["tiny", "--out", "a.nc", "--memory", "1.5MB"],
            "error: the cell n=2 needs about 1.91 MiB",
        ),
        (["tiny", "--out", "a.nc", "--scheduler", "x"], "error: scheduler must be an address such"),
        (["tiny", "--out", "a.nc", "--log", "no"], "In the cell n=1, seeds 0 to 1."),
    ],
)
def test_errors_say_what_to_do(
    options: list[str], sentence: str, only: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, errors = in_process(["study", *options], capsys)
    assert status in (1, 2)
    assert sentence in errors
    assert "Traceback" not in errors
    assert not Path("a.nc").exists()


def test_a_full_disk_is_reported(
    only: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(_command, "write", full)
    assert in_process(["study", "tiny", "--out", "a.nc"], capsys) == (1, "error: no space left\n")


@pytest.mark.parametrize(("file", "package"), [("a.zarr", "zarr"), ("a.nc", "h5py")])
def test_a_format_that_nothing_writes_is_refused_before_computing(
    file: str, package: str, only: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, errors = in_process(["study", "tiny", "--out", file], capsys)
    assert status == 2
    assert f"needs a package: pip install {package}." in errors
    assert list(only.iterdir()) == []
