"""`python -m ntklib spectrum` and `kernel`: tables and files, with errors that say what to do."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import __main__ as command
from ntklib import kernels, networks, spectrum, studies
from ntklib.kernels import _in_tiles


def test_spectrum_has_every_degree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "spectrum.csv"
    given = ["spectrum", "--dimension", "3", "--degrees", "4", "--activation", "relu"]
    assert command.main([*given, "--depth", "2", "--out", str(out)]) == 0
    table = np.loadtxt(out, delimiter=",", skiprows=1)
    assert out.read_text(encoding="utf-8").splitlines()[0] == ",".join(command.COLUMNS)
    kernel = networks.fully_connected(3, (1, 1), "relu").kernel
    sigma = np.asarray(spectrum.funk_hecke(kernel, 3, 4))
    np.testing.assert_array_equal(table[:, 0], range(5))
    np.testing.assert_array_equal(table[:, 1], [1, 3, 5, 7, 9])
    np.testing.assert_array_equal(table[:, 2], sigma)
    np.testing.assert_allclose(table[:, 3] * sigma, 1, rtol=1e-15)
    pole = jnp.asarray([[0.0, 0.0, 1.0]])
    trace = float(kernel(pole, pole)[0, 0])
    np.testing.assert_allclose(table[:, 4], np.cumsum([1, 3, 5, 7, 9] * sigma) / trace, rtol=1e-14)
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title == "fully connected, depth 2, relu, on the unit sphere of dimension 2"
    assert [float(row.split()[2]) for row in rows] == pytest.approx(sigma, rel=1e-5)


def test_an_eigenvalue_that_is_0_is_never_learned(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["spectrum", "--degrees", "2"]) == 0  # without biases erf is odd
    assert capsys.readouterr().out.splitlines()[-1].split()[2:4] == ["0", "inf"]


@pytest.mark.parametrize("ending", ["npy", "csv"])
def test_kernel_is_written_to_the_last_digit(tmp_path: Path, ending: str) -> None:
    x, y = (np.random.default_rng(seed).standard_normal((n, 3)) for seed, n in enumerate((4, 2)))
    np.savetxt(tmp_path / "x.csv", x, fmt="%.17g", delimiter=",")
    np.save(tmp_path / "y.npy", y)
    out = tmp_path / f"gram.{ending}"
    files = [str(tmp_path / name) for name in ("x.csv", "y.npy")]
    options = ["--architecture", "residual", "--depth", "2", "--bias-std", "0.5"]
    assert command.main(["kernel", *files, "--out", str(out), *options]) == 0
    found = np.load(out) if ending == "npy" else np.loadtxt(out, delimiter=",")
    network = networks.residual(3, 1, 2, "erf", bias_std=0.5)
    np.testing.assert_array_equal(found, studies.gram(network.kernel, x, y))
    plain = kernels.analytic(network, jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-15)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".partial"] == []


def test_a_kernel_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_in_tiles, "MOST", 4)
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).standard_normal((8, 3)))
    entries, computed = _in_tiles.entries, []

    def cut_off(*arguments: Any) -> Any:
        computed.append(1)
        if len(computed) == 3:
            raise KeyboardInterrupt
        return entries(*arguments)

    monkeypatch.setattr(_in_tiles, "entries", cut_off)
    given = ["kernel", "x.npy", "--out", "gram.npy", "--activation", "relu"]
    assert command.main(given) == command.INTERRUPTED
    saved = "Interrupted. What was done is saved: the same command goes on.\n"
    assert capsys.readouterr().err == saved
    assert command.main(given) == 0
    assert len(computed) == 4  # of three tiles the last one twice
    assert capsys.readouterr().out.startswith("gram.npy: 8 × 8, entries from ")
    assert command.main([*given, "--depth", "2"]) == 1
    assert "gram.npy has the Gram matrix of another kernel: give another" in capsys.readouterr().err


def test_of_a_csv_file_nothing_is_saved_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cut_off(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "gram", cut_off)
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((2, 3)))
    assert command.main(["kernel", "x.npy", "--out", "gram.csv"]) == command.INTERRUPTED
    assert capsys.readouterr().err == "Interrupted.\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["kernel", "nothing.npy", "--out", "gram.npy"], "nothing.npy"),
        (["kernel", "vector.npy", "--out", "gram.npy"], "vector.npy must have the axes (n, d)"),
        (["kernel", "hole.npy", "--out", "gram.npy"], "hole.npy"),
        (["kernel", "headed.csv", "--out", "gram.npy"], "headed.csv must have a row of numbers"),
        (["kernel", "ragged.csv", "--out", "gram.npy"], "changed from 2 to 1 at row 2.\n"),
        (["kernel", "empty.csv", "--out", "gram.npy"], "empty.csv is empty"),
        # said before the points are looked for, as before anything that takes long
        (["kernel", "nothing.npy", "--out", "no/gram.npy"], "give --out another folder"),
        (["spectrum", "--dimension", "1"], "--dimension must be at least 2, got 1"),
        (["spectrum", "--degrees", "-1"], "--degrees must be at least 0, got -1"),
        (["spectrum", "--depth", "0"], "--depth must be at least 1, got 0"),
        (["spectrum", "--weight-std", "nan"], "--weight-std must be a positive finite number"),
        (["spectrum", "--bias-std", "-1"], "--bias-std must be a positive finite number"),
        (["spectrum", "--activation", "sine"], "activation must be one of"),
        (["spectrum", "--degrees", "1", "--out", "no/such/table.csv"], "give --out another folder"),
    ],
)
def test_errors_say_what_to_do(
    given: list[str], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    np.save("vector.npy", np.ones(3))
    np.save("hole.npy", np.asarray([[1.0, np.nan]]))
    for name, text in {"headed": "a,b\n0,1\n", "ragged": "1,2\n0\n", "empty": ""}.items():
        Path(f"{name}.csv").write_text(text, encoding="utf-8")
    assert command.main(given) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["kernel", "points.txt", "--out", "gram.npy"], "'points.txt' must end in .npy or .csv."),
        (["spectrum", "--dimensoin", "3"], "unrecognized arguments: --dimensoin"),
    ],
)
def test_wrong_options_are_refused(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(given)
    assert message in capsys.readouterr().err
