"""What each study of the book is; without JAX, so that a shell's help is there at once."""

DESCRIPTIONS = {
    "linear-width": "The least ε of Corollary 2 over width m and samples n on the circle, by "
    "gradient flows of finite networks (Observation 4).",
    "kernel-limit": "The least ε of Corollary 2 over samples n at m = ∞ on the circle, by flows of "
    "the kernel itself.",
    "theorem-1": "The least ε of Theorem 1 for three kernels over width m and samples n on the "
    "circle.",
}
"""By name."""
