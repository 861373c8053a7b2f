"""Falsehoods of the chapters with the results, 6 to 9, and of the one on their probability."""

from planting import false

RESULTS = (
    false(
        "the bracket's first term is a tenth too large",
        "06-theorem-1",
        "theorem-1.known-case",
        (
            "ntklib/theory/_comparison.py",
            "return jnp.asarray(4 * _checks.positive(",
            "return jnp.asarray(4.4 * _checks.positive(",
        ),
    ),
    false(
        "the damping factor is a tenth too large",
        "06-theorem-1",
        "theorem-1.known-case",
        (
            "ntklib/theory/_comparison.py",
            "axis=-1), total, damping**2",
            "axis=-1), total, 1.21 * damping**2",
        ),
    ),
    false(
        "the movement is measured from the K₀ of another draw",
        "06-theorem-1",
        "theorem-1.movement",
        (
            "*",
            "kernels.tangent_kernels(wide, starts, at_nodes), coarse,",
            "jnp.roll(kernels.tangent_kernels(wide, starts, at_nodes), 1, axis=0), coarse,",
        ),
    ),
    false(
        "samples at m = ∞ are an eighth smaller than they say",
        "07-corollary-2",
        "corollary-2.sample-constant",
        (
            "ntklib/studies/_named.py",
            "rho, stops, _keys(seeds, 0, n), n=n, progress=False",
            "rho, stops, _keys(seeds, 0, n), n=n - n // 8, progress=False",
        ),
    ),
    false(
        "networks are trained a tenth too fast",
        "07-corollary-2",
        "corollary-2.width-constant",
        (
            "ntklib/dynamics/_integrator.py",
            "slope = jax.grad(lambda at: 0.5 * jnp.sum(",
            "slope = jax.grad(lambda at: 0.55 * jnp.sum(",
        ),
    ),
    false(
        "the ratio of both sides grows by t² more than it does",
        "07-corollary-2",
        "corollary-2.time",
        (
            "*",
            'followed = run.ratio.isel(time=begun).transpose("time", "seed")',
            (
                'followed = run.ratio.isel(time=begun).transpose("time", "seed") '
                "* np.asarray(times[begun])[:, None] ** 2"
            ),
        ),
    ),
    false(
        "the damping factor is a tenth too large",
        "08-linear-width",
        "linear-width.law",
        (
            "ntklib/theory/_comparison.py",
            "axis=-1), total, damping**2",
            "axis=-1), total, 1.21 * damping**2",
        ),
    ),
    false(
        "the constant b is a fifth too large",
        "08-linear-width",
        "linear-width.law",
        (
            "ntklib/theory/onset.py",
            "zip(*found, strict=True))\n    return _start_law.of_means(a, float(",
            "zip(*found, strict=True))\n    return _start_law.of_means(a, 1.2 * float(",
        ),
    ),
    false(
        "networks of a ray are held against the ideal dynamics of an RBF kernel",
        "08-linear-width",
        "observation-4 observation-4.trained",
        (
            "ntklib/studies/_named.py",
            "rho, _, system = operator(network.kernel, nodes, name)",
            'rho, _, system = operator(_problem.OTHER_KERNELS["RBF, ℓ = 1"], nodes, name)',
        ),
    ),
    false(
        "networks are trained a tenth too fast, for a guarantee",
        "09-corollary-5",
        "guarantee.end-to-end",
        (
            "ntklib/dynamics/_integrator.py",
            "slope = jax.grad(lambda at: 0.5 * jnp.sum(",
            "slope = jax.grad(lambda at: 0.55 * jnp.sum(",
        ),
    ),
    false(
        "networks are followed up to T^0.85 in place of T",
        "09-corollary-5",
        "guarantee.power-law-trained",
        (
            "*",
            "rough, finer, until,\n    jax.random.fold_in(key, 50_000)",
            "rough, finer, until**0.85,\n    jax.random.fold_in(key, 50_000)",
        ),
    ),
    false(
        "ε is a tenth larger than it says",
        "18-with-probability",
        "probability.single",
        (
            "*",
            "failures[m] += (ratio[:, None] > levels).sum(axis=0)",
            "failures[m] += (ratio[:, None] > 1.1 * np.array(levels)).sum(axis=0)",
        ),
    ),
    false(
        "an eighth of a sample is a copy of another eighth",
        "18-with-probability",
        "probability.law",
        (
            "*",
            "sample = circle.sample(of_sample, count * n).reshape(count, n, 2)",
            (
                "sample = circle.sample(of_sample, count * n).reshape(count, n, 2)"
                "[:, jnp.arange(n) % (n - n // 8)]"
            ),
        ),
    ),
)
