"""The falsehoods that the chapters' verdicts have to notice."""

from planting import Change, Falsehood


def _false(name: str, chapter: str, claims: str, *changes: tuple[str, str, str]) -> Falsehood:
    """Returns a falsehood; claims are separated by spaces, and in a path * is the chapter."""
    notebook = f"chapters/{chapter}.ipynb"
    return Falsehood(
        name,
        chapter,
        tuple(claims.split()),
        tuple(Change(path.replace("*", notebook), old, new) for path, old, new in changes),
    )


FALSEHOODS = (
    _false(
        "the ideal dynamics decays twice as fast as it should late",
        "02-gradient-flow",
        "ideal-dynamics",
        (
            "ntklib/dynamics/_closed_forms.py",
            "learned = -jnp.expm1(-ts[:, None] * sigma[None, :])",
            "learned = -jnp.expm1(-1.02 * ts[:, None] * sigma[None, :])",
        ),
    ),
)
