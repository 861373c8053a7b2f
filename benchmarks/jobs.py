"""What `make bench` measures: jobs, their sizes, their sides and what is to be reached."""

from benchmarks import floors
from benchmarks.checks import against_reference, corner_within, within
from benchmarks.model import Job, Pair, Reach, Side

_DENSE = {"n": 2000, "d": 3072, "m": 4000}
_DENSE_QUICK = {"n": 200, "d": 64, "m": 100}
_LENET_QUICK = {"n": 60}
_DENSE_LIMIT = (
    "both sides make the same products and eigenvalues, and XLA's product of matrices is slower "
    "than OpenBLAS's"
)
_LENET_LIMIT = (
    "passes over memory in the convolutions, and eigenvalues, which both sides compute alike"
)

_NEURAL_TANGENTS = "benchmarks.peers_neural_tangents"

_LONG_LIMIT = "eigenvectors of the Gram matrix and twelve gradients a step, of which there are few"

_FLOW_LIMIT = "tanh, which the floor leaves out, and passes over the 16 MB of hidden values"

_figure2_dense = Job(
    name="figure2-dense",
    inputs="benchmarks.inputs:dense",
    size={**_DENSE, "precision": "float64", "gram_only": False},
    quick=_DENSE_QUICK,
    sides={
        "ours": Side("ntklib", "benchmarks.ours:dense"),
        "numpy": Side("NumPy + scipy.linalg.eigh", "benchmarks.peers_numpy:dense"),
    },
    pairs=(
        Pair("figure2-dense", "ours", "numpy", Reach(1.4, floor=1.3, memory=1000), _DENSE_LIMIT),
    ),
    stages=floors.dense_spectrum,
    check=within(1e-10),
)

_figure2_dense_gram = Job(
    name="figure2-dense-gram-float32",
    inputs="benchmarks.inputs:dense",
    size={**_DENSE, "precision": "float32", "gram_only": True, "peer_n": 80},
    quick={**_DENSE_QUICK, "peer_n": 20},
    sides={
        "ours": Side("ntklib", "benchmarks.ours:dense"),
        "nt": Side(
            "nt.empirical_ntk_fn (method 2, batched)",
            "benchmarks.peers_neural_tangents:dense",
            note="the peer's time is extrapolated, a + b n² through those at n = peer_n and twice "
            "that; its memory is that of the larger of the two",
        ),
    },
    pairs=(Pair("figure2-dense-gram-float32", "ours", "nt", Reach(500), _DENSE_LIMIT),),
    stages=floors.dense_gram,
    check=corner_within(1e-4),
)


def _lenet(name: str, precision: str, gram_only: bool, reach: Reach, allowed: float) -> Job:
    return Job(
        name=name,
        inputs="benchmarks.inputs:lenet",
        size={"n": 2000, "d": 1024, "precision": precision, "gram_only": gram_only},
        quick=_LENET_QUICK,
        sides={
            "ours": Side("ntklib", "benchmarks.ours:lenet"),
            "torch": Side("PyTorch vmap(grad), blocked", "benchmarks.peers_torch:lenet", True),
        },
        pairs=(Pair(name, "ours", "torch", reach, _LENET_LIMIT),),
        stages=floors.lenet_gram if gram_only else floors.lenet_spectrum,
        check=within(allowed),
    )


_flow = Job(
    name="flow",
    inputs="benchmarks.inputs:flow",
    # Both make about 1000 gradient evaluations until this time: Tsitouras's steps are limited by
    # stability.
    size={
        "n": 1000, "d": 10, "m": 4096, "seeds": 8, "time": 5200.0, "steps": 1000,
        "precision": "float32",
    },
    quick={"n": 50, "m": 64, "seeds": 2, "time": 60.0, "steps": 100},
    sides={
        "ours": Side("ntklib, one draw", "benchmarks.ours:flow"),
        "own": Side("ntklib, a reader's own apply", "benchmarks.ours:flow_of_own_apply"),
        "seeds": Side("ntklib, all seeds in one call", "benchmarks.ours:flow_of_seeds"),
        "eager": Side("PyTorch, eager", "benchmarks.peers_torch:flow", True),
        "compiled": Side("PyTorch, compiled", "benchmarks.peers_torch:flow_compiled", True),
    },
    pairs=(
        Pair("flow-1", "ours", "eager", Reach(4), _FLOW_LIMIT),
        Pair("flow-1", "ours", "compiled", Reach(3.5), _FLOW_LIMIT),
        Pair("flow-own-apply", "own", "eager", Reach(2.5), _FLOW_LIMIT),
        Pair("flow-own-apply", "own", "compiled", Reach(2.5), _FLOW_LIMIT),
        Pair("flow-8-seeds", "seeds", "ours", Reach(1), "one draw keeps all cores busy already"),
    ),
    stages=floors.flow,
    # Euler's method and Tsitouras's end within a step's error of each other.
    check=within(1e-2),
    unit="gradient evaluation",
)  # fmt: skip


def _long_flow(name: str, n: int, horizon: int, reach: Reach, peer_horizon: int = 0) -> Job:
    """To T·λ₁ = horizon; where it takes the peer long, it goes to peer_horizon only."""
    size = {"n": n, "m": 1024, "horizon": horizon}
    quick = {"n": 16, "m": 32, "horizon": 30}
    note = ""
    if peer_horizon:
        size, quick = size | {"peer_horizon": peer_horizon}, quick | {"peer_horizon": 10}
        note = (
            "the peer's time is extrapolated linearly from those for half of peer_horizon and "
            "all of it, as stability limits its steps; the results are compared there"
        )
    return Job(
        name=name,
        inputs=f"benchmarks.reference:{'long_flow_start' if peer_horizon else 'long_flow'}",
        size=size | {"precision": "float64"},
        quick=quick,
        sides={
            "ours": Side("ntklib, exponential", "benchmarks.ours:long_flow"),
            "explicit": Side("ntklib, explicit", "benchmarks.ours:long_flow_explicit", note=note),
        },
        pairs=(Pair(name, "ours", "explicit", reach, _LONG_LIMIT),),
        stages=floors.long_flow,
        # Some times the relative tolerance of both flows.
        check=within(2e-6) if peer_horizon else against_reference(2e-6),
    )


def _analytic(activation: str, precision: str, ratio: float, allowed: float) -> Job:
    name = f"analytic-{activation}" + ("" if precision == "float64" else f"-{precision}")
    limit = (
        "some 40 operations an entry and layer, half of them a polynomial; after the other side's "
        "turn a second core joins late: in a row, calls take two thirds of this"
    )
    return Job(
        name=name,
        inputs="benchmarks.inputs:points",
        size={"n": 2000, "d": 10, "depth": 3, "activation": activation, "precision": precision},
        quick={"n": 100},
        sides={
            "ours": Side("ntklib", "benchmarks.ours:analytic"),
            "jitted": Side("neural-tangents, jitted", f"{_NEURAL_TANGENTS}:analytic_jitted"),
            "plain": Side("neural-tangents, not jitted", f"{_NEURAL_TANGENTS}:analytic"),
        },
        pairs=(
            Pair(name, "ours", "jitted", Reach(ratio), limit),
            Pair(name, "ours", "plain", Reach(), limit),
        ),
        stages=floors.analytic,
        check=within(allowed),
    )


def _analytic_gradient(activation: str) -> Job:
    name = f"analytic-{activation}-gradient"
    ways = {"erf": "two derivatives go", "relu": "a derivative goes"}[activation]
    limit = f"{ways} through the layers beside each entry, of whose matrix no half is given"
    return Job(
        name=name,
        inputs="benchmarks.inputs:two_sets_of_points",
        size={
            "n": 2000, "d": 10, "depth": 3, "activation": activation, "precision": "float64",
        },
        quick={"n": 100},
        sides={
            "ours": Side("ntklib", "benchmarks.ours:analytic_gradient"),
            "jitted": Side("neural-tangents, jitted", f"{_NEURAL_TANGENTS}:analytic_gradient"),
        },
        pairs=(
            Pair(name, "ours", "jitted", Reach(3), limit),
        ),
        stages=floors.analytic,
        check=within(1e-10),
    )  # fmt: skip


def _convolutional(activation: str) -> Job:
    name = f"convolutional-{activation}"
    return Job(
        name=name,
        inputs="benchmarks.inputs:images",
        size={
            "n": 2000, "side": 28, "depth": 2, "activation": activation, "peer_n": 80,
            "precision": "float64",
        },
        quick={"n": 40, "side": 6, "peer_n": 16},
        sides={
            "ours": Side("ntklib", "benchmarks.ours:convolutional"),
            "nt": Side(
                "nt.batch(kernel_fn)",
                f"{_NEURAL_TANGENTS}:convolutional",
                note="the peer's time is extrapolated, a + b n² through those at n = peer_n and "
                "twice that; its memory is that of the larger of the two",
            ),
        },
        pairs=(
            Pair(
                name, "ours", "nt", Reach(2, memory=2000),
                "the angle of every position of every pair of images",
            ),
        ),
        stages=floors.convolutional,
        # On the diagonal arccos turns rounding ε into √ε.
        check=corner_within(1e-7),
    )  # fmt: skip


_sphere = Job(
    name="sphere-relu",
    inputs="benchmarks.reference:sphere",
    size={"n": 4000, "d": 10, "degree": 20, "precision": "float64"},
    quick={"n": 400, "degree": 6},
    sides={
        "ours": Side("ntklib, Funk–Hecke", "benchmarks.ours:sphere"),
        "nystrom": Side(
            "NumPy, Nyström",
            "benchmarks.peers_numpy:sphere",
            note="n is the peer's; it takes degrees without enough eigenvalues to be 0",
        ),
    },
    pairs=(Pair("sphere-relu", "ours", "nystrom", Reach(100, error=1e-8, exactness=1e6), "calls"),),
    stages=floors.sphere,
    check=against_reference(0.2),
)

_KRYLOV_LIMIT = (
    "a dozen products with blocks of 64 vectors, which the cluster of 54 eigenvalues that the 20th "
    "is cut out of needs"
)

_krylov = Job(
    name="krylov",
    inputs="benchmarks.inputs:erf_gram",
    size={"n": 8000, "d": 10, "k": 20, "precision": "float64"},
    # From 1000 nodes on ntklib takes the Krylov method.
    quick={"n": 1000},
    sides={
        "ours": Side("ntklib", "benchmarks.ours:krylov"),
        "full": Side("scipy.linalg.eigh", "benchmarks.peers_numpy:eigh"),
        "subset": Side("scipy.linalg.eigh, subset", "benchmarks.peers_numpy:eigh_subset"),
    },
    pairs=(
        Pair("krylov", "ours", "full", Reach(30), _KRYLOV_LIMIT),
        Pair("krylov", "ours", "subset", Reach(12), _KRYLOV_LIMIT),
    ),
    stages=floors.krylov,
    check=within(1e-10),
)

JOBS = {
    job.name: job
    for job in (
        _figure2_dense,
        _figure2_dense_gram,
        _lenet("figure2-lenet", "float64", False, Reach(4, memory=1000), 1e-10),
        # In single precision two values of a square can change places, and the derivative with
        # them: one of the 2000 images then differs by 1e-4, where the median difference is 3e-8.
        _lenet("figure2-lenet-gram-float32", "float32", True, Reach(), 1e-3),
        _flow,
        _long_flow("flow-long-1e3", 64, 10**3, Reach(error=1e-6)),
        _long_flow("flow-long-1e4", 64, 10**4, Reach(5, error=1e-6)),
        _long_flow("flow-long-1e4-1024", 1024, 10**4, Reach(5), peer_horizon=200),
        # On the diagonal arccos turns rounding ε into √ε.
        _analytic("erf", "float64", 5, 1e-7),
        _analytic("relu", "float64", 5, 1e-7),
        _analytic("erf", "float32", 10, 1e-2),
        _analytic("relu", "float32", 10, 1e-2),
        _analytic_gradient("erf"),
        _analytic_gradient("relu"),
        _convolutional("erf"),
        _convolutional("relu"),
        _sphere,
        _krylov,
    )
}
"""All jobs by name, in the order in which they run."""
