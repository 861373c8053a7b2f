"""Falsehoods of the chapter that leaves the circle."""

from planting import false

CHAPTER = "17-off-the-circle"

BEYOND = (
    false(
        "networks on the sphere have no biases, and K∞ has",
        CHAPTER,
        "off-circle.start",
        (
            "*",
            "networks.fully_connected(3, (m,), biases=True)",
            "networks.fully_connected(3, (m,))",
        ),
    ),
    false(
        "the damping factor is min(t, 1/σ)",
        CHAPTER,
        "off-circle.sphere off-circle.digits",
        (
            "ntklib/dynamics/_decay.py",
            "return jnp.where(none, times, -jnp.expm1(-decay) / jnp.where(none, 1.0, rates))",
            "return jnp.minimum(times, jnp.where(none, times, 1 / jnp.where(none, 1.0, rates)))",
        ),
    ),
    false(
        "samples of the sphere prefer one direction",
        CHAPTER,
        "off-circle.sphere",
        (
            "ntklib/measures/_rules.py",
            "return normalized(jax.random.normal(key, (n, d)))",
            "return normalized(jax.random.normal(key, (n, d)) + 0.3)",
        ),
    ),
    false(
        "samples of the sphere are an eighth smaller than they say",
        CHAPTER,
        "off-circle.sphere",
        (
            "*",
            "x, at = sphere.sample(key, n), sphere",
            "x, at = sphere.sample(key, n - n // 8), sphere",
        ),
    ),
    false(
        "an eighth of a sample of digits is a copy of another eighth",
        CHAPTER,
        "off-circle.digits",
        (
            "*",
            "jax.random.choice(key, q, (16 * n,), p=rho.weights)",
            "jax.random.choice(key, q, (16 * n,), p=rho.weights)[jnp.arange(16 * n) % (14 * n)]",
        ),
    ),
    false(
        "the ideal dynamics decays 2 % too fast",
        CHAPTER,
        "off-circle.digits",
        (
            "ntklib/dynamics/_closed_forms.py",
            "    learned = sigma[None, :]",
            "    sigma = 1.02 * sigma\n    learned = sigma[None, :]",
        ),
    ),
    false(
        "integrals in ten dimensions have the weight of nine",
        CHAPTER,
        "off-circle.ten-dimensions",
        ("*", "roots_gegenbauer(40, (d - 2) / 2)", "roots_gegenbauer(40, (d - 3) / 2)"),
    ),
    false(
        "one mode too many on the left side, on digits",
        CHAPTER,
        "off-circle.digits",
        (
            "*",
            "measured = 16 * n * (both.projected / both.damping)[..., 1]",
            "measured = 16 * n * (both.projected / both.damping)[..., 2]",
        ),
    ),
    false(
        "the ideal residual does not decay while the sample is seen",
        CHAPTER,
        "off-circle.sphere off-circle.ten-dimensions off-circle.digits",
        (
            "ntklib/theory/response.py",
            "np.where(gap == 0, 1.0, -np.expm1(-safe) / safe)",
            "np.ones_like(safe)",
        ),
    ),
    false(
        "networks are held against the ideal dynamics of an RBF kernel",
        CHAPTER,
        "off-circle.width",
        (
            "ntklib/studies/_named.py",
            "rho, _, system = operator(network.kernel, nodes, name)",
            'rho, _, system = operator(_problem.OTHER_KERNELS["RBF, ℓ = 1"], nodes, name)',
        ),
    ),
    false(
        "K₀ is that of another draw",
        CHAPTER,
        "off-circle.depth-3 off-circle.convolutional",
        ("*", "for start in starts]", "for start in starts[::-1]]"),
    ),
)
