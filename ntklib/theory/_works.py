r"""What each work compared with asks of width and samples; the public name is in `theory`.

The rows are those of Montúfar's talk of March 2024, slides "Comparison to other works" and, for
targets that are aligned with the kernel, "NTK and convergence", and of Bowman and Montúfar 2022b.
Where the talk leaves open what a work states, it is added from there, as `_rows.Stated`. Constants
are hidden by Ω, constants and powers of logarithms by Ω̃: a `Growth` has neither, and so compares
with itself at another point, not with a width.
"""

import functools

from ntklib.theory._asymptotics import Growth
from ntklib.theory._rows import Requirements, Stated, Work

_TALK = "Montúfar 2024, slide “Comparison to other works”"
_ALIGNED = "Montúfar 2024, slide “NTK and convergence”"
_DEEP = "any depth: fully connected, convolutional, residual"
_overparameterized = functools.partial(
    Work,
    width=Growth(polynomial="n", logarithms=False),
    samples=None,
    stopping_time="none",
    regime="overparameterized",
    source=_TALK,
)
_aligned = functools.partial(
    Work,
    width=Growth(({"n": 1},)),
    samples=None,
    stopping_time="not stated",
    regime="width linear in n",
    source=_ALIGNED,
)

requirements = Requirements((
    Work(
        key="theorem-1",
        work="Bowman and Montúfar 2022b",
        statement="Theorem 1, Corollary 2",
        controls="distance to the ideal dynamics",
        where="all of X",
        width=Growth(({"T": 4, "epsilon": -2},)),
        samples=Growth(({"T": 2, "epsilon": -2},)),
        stopping_time="any T",
        regime="m ∼ n is enough",
        architectures=_DEEP,
        source="Bowman and Montúfar 2022b, Theorem 1 and Corollary 2",
    ),
    Work(
        key="corollary-5",
        work="Bowman and Montúfar 2022b",
        statement="Corollary 5",
        controls="top k eigenfunctions learned to ε",
        where="all of X",
        width=Growth(({"sigma": -8, "epsilon": -2},)),
        samples=Growth(({"sigma": -6, "epsilon": -2},)),
        stopping_time="T ∼ 1/σₖ",
        regime="m, n polynomial in 1/σₖ",
        architectures=_DEEP,
        source="Bowman and Montúfar 2022b, Corollary 5",
    ),
    Work(
        key="underparameterized",
        work="Bowman and Montúfar 2022a",
        statement="a version of Corollary 2",
        controls="distance to the ideal dynamics",
        where="all of X",
        width=Growth(({"T": 2, "epsilon": -1},)),
        samples=Growth(({"p": 1, "T": 2, "epsilon": -1},)),
        stopping_time="any T",
        regime="underparameterized, n ≫ p",
        architectures="shallow",
        source=_TALK,
    ),
    _overparameterized(
        key="linearization",
        work="Lee et al. 2019; Arora et al. 2019b; Jin and Montúfar 2023",
        statement="linearization",
        controls="distance to the linearized network; loss → 0; ‖θₜ − θ₀‖ bounded",
        where="",
        architectures="any depth (Lee et al.), two layers (Jin and Montúfar)",
    ),
    _overparameterized(
        key="training-set",
        work="Arora et al. 2019a; Basri et al. 2020",
        statement="spectral bias on the sample",
        controls="residual along the Gram matrix's eigenvectors",
        where="the training set",
        architectures="two layers (Arora et al.)",
        stated=(
            # κ = O(ε/√n), the scale of the initial weights, is put into n⁷/(λ₀⁴κ²ε²).
            Stated(
                "Arora et al.",
                "Theorem 4.1",
                width=Growth(({"n": 8, "lambda_0": -4, "epsilon": -4},), logarithms=False),
            ),
            # times powers of the depth, of the points' distance and of the weights' scale
            Stated("Basri et al.", "Theorem 2", width=Growth(({"n": 24},))),
        ),
    ),
    Work(
        key="cutoff",
        work="Cao et al. 2021",
        statement="spectral bias up to a cutoff eigenvalue",
        controls="residual along the top k eigenfunctions",
        where="the training set",
        width=Growth(({"sigma": -14}, {"epsilon": -6}), logarithms=False),
        samples=None,
        stopping_time="not stated",
        regime="width free of n",
        architectures="shallow ReLU",
        source=_TALK,
        stated=(
            Stated(
                "Cao et al.",
                "Theorem 4.2",
                samples=Growth(({"gap": -2, "epsilon": -2}, {"M": 4, "k": 2, "epsilon": -2})),
            ),
        ),
    ),
    Work(
        key="polylogarithmic",
        work="Ji and Telgarsky 2020",
        statement="classes that the kernel separates with a margin",
        controls="share ε of wrong classifications",
        where="all of X",
        width=Growth(({},)),
        samples=None,
        stopping_time="1/ε steps",
        regime="width polylogarithmic in n",
        architectures="two layers, ReLU, logistic loss",
        source=_ALIGNED,
        stated=(
            Stated("Ji and Telgarsky", "abstract", samples=Growth(({"epsilon": -2},))),
        ),
    ),
    _aligned(
        key="low-rank",
        work="Su and Yang 2019",
        statement="f* in the span of a few eigenfunctions",
        controls="empirical risk, down to the order of 1/√n",
        where="the training set",
        architectures="two layers, ReLU, squared loss",
    ),
    _aligned(
        key="rkhs",
        work="E, Ma and Wu 2020",
        statement="f* in the kernel's Hilbert space",
        controls="training and test loss",
        where="",
        architectures="two layers, squared loss",
    ),
    _aligned(
        key="overparameterized",
        work="Bowman and Montúfar 2022a",
        statement="f* aligned with the kernel",
        controls="empirical risk",
        where="the training set",
        architectures="shallow, squared loss",
    ),
))  # fmt: skip
r"""The comparison with other works, row by row; `book.Table` shows its `columns()`.

Iterate over the rows, or take one by its `key`. A row says what a work controls and where, and how
width m and samples n have to grow: `width` and `samples`, which evaluate to numbers with all
constants and logarithms set to 1; `stated` has what works say where the talk leaves it open.

Example:
  >>> from ntklib import theory
  >>> [row.key for row in theory.requirements][:2]
  ['theorem-1', 'corollary-5']
  >>> row = theory.requirements["theorem-1"]
  >>> print(row.width.latex())
  \tilde\Omega(T^{4}/\epsilon^{2})
  >>> row.samples.exponent("T")
  2
  >>> round(row.width(T=10, epsilon=0.1))
  1000000
"""
