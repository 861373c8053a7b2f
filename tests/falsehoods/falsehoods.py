"""The falsehoods that the chapters' verdicts have to notice."""

from beyond import BEYOND
from planting import false

FALSEHOODS = (
    false(
        "the ideal dynamics decays twice as fast as it should late",
        "02-gradient-flow",
        "ideal-dynamics",
        (
            "ntklib/dynamics/_closed_forms.py",
            "learned = -jnp.expm1(-ts[:, None] * sigma[None, :])",
            "learned = -jnp.expm1(-1.02 * ts[:, None] * sigma[None, :])",
        ),
    ),
    *BEYOND,
)
