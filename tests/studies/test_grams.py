"""Gram matrices in tiles: the plain ones, resumed, and noticed when they are others or damaged."""

import errno
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from cases import points
from refusals import refused

from ntklib import _device, _fingerprint, _progress, kernels, measures, networks, spectrum, studies
from ntklib.kernels import _in_tiles
from ntklib.studies import _cells, _gram_file, _grams
from ntklib.studies._store import DamagedEntryWarning

SIDE = 8
N = 21
"""Points: three tiles a side, the last of which has fewer."""

TILES = 6
"""Of one set of points: three on the diagonal, three above it."""

SCALE = 1.0


def laplacian(x: Any, y: Any) -> Any:
    """A kernel that is compiled in no time."""
    return SCALE * jnp.exp(-jnp.sum(jnp.abs(x[:, None] - y[None]), axis=-1))


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_in_tiles, "MOST", SIDE)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever a tile is computed, by its rows."""
    found: list[int] = []
    entries = _in_tiles.entries

    def counted(*arguments: Any) -> Any:
        found.append(len(arguments[1]))
        return entries(*arguments)

    monkeypatch.setattr(_in_tiles, "entries", counted)
    return found


def interrupted_after(count: int, monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]) -> None:
    """Makes a call that ends, as by Ctrl-C, after so many tiles."""
    entries, left = _in_tiles.entries, iter(range(count))

    def until(*arguments: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return entries(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(_in_tiles, "entries", until)
        with pytest.raises(KeyboardInterrupt):
            call()


def partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


KERNELS = {
    "deep": (networks.fully_connected(3, (1, 1, 1), "relu", biases=True), 3),
    "convolutional": (networks.convolutional((4, 4, 1), (1, 1), "erf"), 16),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_matrix_is_the_plain_one(name: str, tmp_path: Path) -> None:
    network, d = KERNELS[name]
    x, y = jnp.asarray(points(N, d)), jnp.asarray(points(14, d, seed=1))  # in tiles of one shape
    for index, others in enumerate((None, y)):
        plain = np.asarray(kernels.analytic(network, x, others))
        found = studies.gram(network.kernel, x, others)
        np.testing.assert_allclose(found, plain, rtol=0, atol=4e-15 * plain.max())
        stored = studies.gram(network.kernel, x, others, path=tmp_path / f"{index}.npy")
        assert isinstance(stored, np.memmap)
        np.testing.assert_array_equal(stored, found)
        np.testing.assert_array_equal(np.load(tmp_path / f"{index}.npy"), found)
        if others is None:
            np.testing.assert_array_equal(found, found.T)
    assert {each.name for each in tmp_path.iterdir()} == {"0.npy", "1.npy"}


def test_single_precision_is_kept(tmp_path: Path) -> None:
    x = points(N).astype(np.float32)
    found = studies.gram(laplacian, x, path=tmp_path / "gram.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, laplacian(x, x), rtol=1e-6)


def test_the_leading_eigenpairs_of_a_stored_matrix(tmp_path: Path) -> None:
    network = networks.fully_connected(3, (1, 1), "erf", biases=True)
    x = jnp.asarray(points(40))
    stored = studies.gram(network.kernel, x, path=tmp_path / "gram.npy")
    measure = measures.empirical(x)
    system = spectrum.nystrom(stored, measure, k=5, method="krylov")
    values, vectors = scipy.linalg.eigh(np.asarray(kernels.analytic(network, x)) / 40)
    np.testing.assert_allclose(system.values, values[:-6:-1], rtol=0, atol=1e-13 * values[-1])
    overlap = np.abs(np.asarray(system.functions) @ vectors[:, :-6:-1]) / np.sqrt(40)
    np.testing.assert_allclose(overlap, np.eye(5), atol=1e-9)
    free = spectrum.matrix_free(kernels.products(network.kernel, x), measure, k=5)
    np.testing.assert_allclose(free.values, system.values, rtol=0, atol=1e-13 * values[-1])


def test_an_interrupted_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[int]
) -> None:
    x, path = points(N), tmp_path / "gram.npy"
    whole = studies.gram(laplacian, x)
    assert len(computed) == TILES
    interrupted_after(4, monkeypatch, lambda: studies.gram(laplacian, x, path=path))
    assert {each.name for each in tmp_path.iterdir()} == {"gram.npy.partial"}
    # Nobody takes zeros for entries: what is there bears another name.
    computed.clear()
    np.testing.assert_array_equal(studies.gram(laplacian, x, path=path), whole)
    assert len(computed) == TILES - 4
    computed.clear()
    np.testing.assert_array_equal(studies.gram(laplacian, x, path=path), whole)
    assert computed == []


@pytest.mark.parametrize("lost", [1, 40, 100])
def test_a_process_that_was_killed_while_it_wrote(
    lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[int]
) -> None:
    """Twice, each time with the end of the record cut off."""
    x, path = points(N), tmp_path / "gram.npy"
    whole = studies.gram(laplacian, x)
    for _ in range(2):
        interrupted_after(2, monkeypatch, lambda: studies.gram(laplacian, x, path=path))
        partial(path).write_bytes(partial(path).read_bytes()[:-lost])
    lines = partial(path).read_bytes().splitlines(keepends=True)
    kept = sum(line.startswith(b'{"tile"') and line.endswith(b"\n") for line in lines)
    assert kept < 4
    computed.clear()
    np.testing.assert_array_equal(studies.gram(laplacian, x, path=path), whole)
    assert len(computed) == TILES - kept
    np.testing.assert_array_equal(studies.gram(laplacian, x, path=path), whole)
    assert len(computed) == TILES - kept


def test_a_matrix_of_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, path = points(N), tmp_path / "gram.npy"
    interrupted_after(4, monkeypatch, lambda: studies.gram(laplacian, x, path=path))

    def again(kernel: Any = laplacian, x1: Any = x, x2: Any = None, **options: Any) -> Any:
        return studies.gram(kernel, x1, x2, path=path, **options)

    def expect(file: Path) -> None:
        moved = x.copy()
        moved[-1, -1] = np.nextafter(moved[-1, -1], 2)
        for sentence, call in {
            "another kernel": lambda: again(networks.fully_connected(3, (1,)).kernel),
            "other points x1": lambda: again(x1=moved),
            "other points x2": lambda: again(x2=x),
            "tiles of another size (memory_budget)": lambda: again(memory_budget=1000),
        }.items():
            with refused(f"{file} has the Gram matrix of {sentence}: give another path, or rem"):
                call()  # type: ignore[no-untyped-call]
        with monkeypatch.context() as patch:
            patch.setattr(_fingerprint, "library", lambda: "another")
            with refused("the Gram matrix of another ntklib or other packages: give"):
                again()
        with monkeypatch.context() as patch:
            patch.setattr(_device, "kind", lambda: "abacus")
            with refused("the Gram matrix of another kind of device: give"):
                again()
        with monkeypatch.context() as patch:  # that the kernel reads
            patch.setitem(globals(), "SCALE", 2.0)
            with refused("the Gram matrix of another kernel: give"):
                again()
        with (
            jax.default_matmul_precision("float32"),
            refused("the Gram matrix of another precision or other settings of JAX: give"),
        ):
            again()
        for other in ({"x1": x[:9]}, {"x2": x[:3]}, {"x1": x.astype(np.float32)}):
            with refused(f"{file} is no Gram matrix of shape ("):
                again(**other)

    before = partial(path).read_bytes()
    expect(partial(path))
    assert partial(path).read_bytes() == before
    again()
    before = path.read_bytes()
    expect(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY"])
def test_a_file_of_somebody_else_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gram.npy"
    path.write_bytes(content)
    with refused(f"{path} is no Gram matrix of shape (21, 21) and type float64 that studies.gram"):
        studies.gram(laplacian, points(N), path=path)
    np.save(path, np.eye(N))
    with refused("that studies.gram wrote, or it is cut off: give another path, or remove it."):
        studies.gram(laplacian, points(N), path=path)
    np.testing.assert_array_equal(np.load(path), np.eye(N))


def test_damage_is_noticed_wherever_it_is(tmp_path: Path, computed: list[int]) -> None:
    x, path = points(N), tmp_path / "gram.npy"
    whole = studies.gram(laplacian, x, path=path).copy()
    content = path.read_bytes()
    data = range(128, 128 + whole.nbytes)
    places = range(0, len(content), 131)
    mended = 0
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        computed.clear()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                found = studies.gram(laplacian, x, path=path)
            except ValueError as refusal:
                assert place not in data
                assert "give another path, or remove it" in str(refusal)  # noqa: PT017
                continue
        np.testing.assert_array_equal(found, whole)
        if place in data:
            assert [each.category for each in said] == [DamagedEntryWarning]
            assert len(computed) == 1
            mended += 1
        assert path.exists()
        assert not partial(path).exists()
    assert mended == sum(place in data for place in places) > 20


def test_a_damaged_tile_is_said_once(tmp_path: Path, computed: list[int]) -> None:
    x, path = points(N), tmp_path / "gram.npy"
    whole = studies.gram(laplacian, x, path=path).copy()
    content = bytearray(path.read_bytes())
    content[128 + 8 * (9 * N + 17)] ^= 1
    path.write_bytes(content)
    with pytest.warns(DamagedEntryWarning, match="row 7 and column 14 in .* is damaged: comput"):
        studies.gram(laplacian, x, path=path)
    assert len(computed) == TILES + 1
    np.testing.assert_array_equal(studies.gram(laplacian, x, path=path), whole)
    assert len(computed) == TILES + 1


def test_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    x, path = points(N), tmp_path / "gram.npy"
    interrupted_after(2, monkeypatch, lambda: studies.gram(laplacian, x, path=path))
    with partial(path).open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with refused(f"another process is at work on {partial(path)}: wait for", BlockingIOError):
            studies.gram(laplacian, x, path=path)
    studies.gram(laplacian, x, path=path)


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with refused("(No space left on device): free space or get the right to write", OSError):
        studies.gram(laplacian, points(N), path=tmp_path / "gram.npy")
    assert list(tmp_path.iterdir()) == []
    # Where a file system can't reserve space, it is taken as it is written.
    monkeypatch.setattr(
        os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(errno.EOPNOTSUPP, "no"))
    )
    studies.gram(laplacian, points(N), path=tmp_path / "gram.npy")


def test_a_disk_that_fills_up_costs_a_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, computed: list[int]
) -> None:
    x, path = points(N), tmp_path / "gram.npy"
    put = _gram_file.InFile.put

    def failing(self: Any, corner: Any, tile: Any) -> None:
        if len(computed) == 3:
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", full)
                put(self, corner, tile)
        put(self, corner, tile)

    with monkeypatch.context() as patch:
        patch.setattr(_gram_file.InFile, "put", failing)
        with refused(f"the folder {tmp_path} can't be written to (No space left", OSError):
            studies.gram(laplacian, x, path=path)
    studies.gram(laplacian, x, path=path)
    assert len(computed) == 3 + TILES - 2
    with refused("give another path.", OSError):
        studies.gram(laplacian, x, path=tmp_path / "nowhere" / "gram.npy")


def test_a_kernel_that_breaks_off_names_its_tile(tmp_path: Path) -> None:
    def sometimes(x: Any, y: Any) -> Any:
        gram = laplacian(x, y)
        return jnp.where((x[:, None, 0] == 7) | (y[None, :, 0] == 7), jnp.nan, gram)

    x = points(N)
    x[10, 0] = 7  # not among those that are looked at
    with refused("kernel(x, x') holds 7 NaN or infinite value(s) among 49") as refusal:
        studies.gram(sometimes, x, path=tmp_path / "gram.npy")
    assert refusal.value.__notes__ == ["In the cell row=0, column=7."]
    assert b'"tile": [0, 0]' in partial(tmp_path / "gram.npy").read_bytes()


def test_a_bar_counts_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, path, seen = points(N), tmp_path / "gram.npy", []
    display = _progress.display

    def shown(*arguments: Any, **options: Any) -> Any:
        bar = display(*arguments, **options)
        seen.append((bar, options))
        return bar

    monkeypatch.setattr(_progress, "display", shown)
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    interrupted_after(4, monkeypatch, lambda: studies.gram(laplacian, x, path=path))
    studies.gram(laplacian, x, path=path, progress=True)
    (first, _), (second, options) = seen
    assert first.n == options["initial"] == 4 * 49
    assert second.n == second.total == TILES * 49
    studies.gram(laplacian, x, progress=False)
    assert seen[-1][1]["shown"] is False


def test_what_a_worker_is_sent_is_compiled_once() -> None:
    network = networks.fully_connected(3, (1,), "relu")
    sent = _grams._pickled(network.kernel)
    assert _grams._unpickled(sent) is _grams._unpickled(bytes(sent))
    scale = 3.0
    own = _grams._pickled(lambda x, y: scale * x @ y.T)
    x = points(4)
    found = _grams.tile({}, (), kernel=own, x=x, y=x[:2], rows=4, columns=2)["gram"]
    np.testing.assert_allclose(found, 3 * x @ x[:2].T, rtol=1e-14)


def test_the_record_says_what_the_matrix_is(tmp_path: Path) -> None:
    path = tmp_path / "gram.npy"
    studies.gram(laplacian, points(N), path=path)
    record = path.read_bytes()[128 + 8 * N**2 :].splitlines()[1:]
    about, *tiles = [json.loads(line) for line in record]
    assert set(about) == set(_gram_file.WORDS)
    assert about["numerics"] == vars(_cells.Numerics.current())
    assert [tuple(each["tile"]) for each in tiles] == [
        (0, 0), (0, 7), (0, 14), (7, 7), (7, 14), (14, 14),
    ]  # fmt: skip
