"""Falsehoods of the chapters that set the stage, 01 to 05, and of 09."""

from planting import false

SETTING = (
    false(
        "half learned means 52 %",
        "01-spectral-bias",
        "figure-1.known-case",
        ("ntklib/learning/_times.py", "reached = values >= 0.5", "reached = values >= 0.52"),
    ),
    false(
        "steps are 5 % longer than said",
        "01-spectral-bias",
        "figure-1.known-case",
        (
            "*",
            "toy(x), grid, steps, optimizer=0.02",
            "toy(x), grid, steps, optimizer=0.021",
        ),
    ),
    false(
        "the ideal dynamics decays 2 % too fast",
        "02-gradient-flow",
        "ideal-dynamics",
        (
            "ntklib/dynamics/_closed_forms.py",
            "    learned = sigma[None, :]",
            "    sigma = 1.02 * sigma\n    learned = sigma[None, :]",
        ),
    ),
    false(
        "the flow is 5 % too fast, and the toy's rates alike",
        "02-gradient-flow",
        "update-rule",
        (
            "ntklib/dynamics/_integrator.py",
            "slope = jax.grad(lambda at: 0.5 * jnp.sum(",
            "slope = jax.grad(lambda at: 0.525 * jnp.sum(",
        ),
        (
            "*",
            "sigma = 4.0 ** -np.asarray(frequencies)",
            "sigma = 1.05 * 4.0 ** -np.asarray(frequencies)",
        ),
    ),
    false(
        "the update rule counts the sample an eighth too large",
        "02-gradient-flow",
        "update-rule",
        (
            "*",
            "return velocity(windows[index], residuals[draw, index]), -tangent @ on_sample / n",
            (
                "return velocity(windows[index], residuals[draw, index]), "
                "-tangent @ on_sample / (n + n // 8)"
            ),
        ),
    ),
    false(
        "training sees the nodes in place of the sample",
        "02-gradient-flow",
        "update-rule",
        (
            "*",
            "jnp.asarray(windows.ravel()), sample=samples, draws=True, keep_params=True,",
            "jnp.asarray(windows.ravel()), draws=True, keep_params=True,",
        ),
    ),
    false(
        "the hidden layer is an eighth wider than it says",
        "03-tangent-kernels",
        "assumption-2.constant",
        (
            "*",
            "return networks.fully_connected(2, (width,) * depth, activation)",
            "return networks.fully_connected(2, (width + width // 8,) * depth, activation)",
        ),
    ),
    false(
        "every second draw repeats the one before",
        "03-tangent-kernels",
        "assumption-2.independent-draws",
        (
            "ntklib/kernels/_draws.py",
            "keys = jax.random.split(key, count)",
            "keys = jnp.repeat(jax.random.split(key, count), 2)[:count]",
        ),
    ),
    false(
        "an interval half as long",
        "03-tangent-kernels",
        "assumption-2.interval",
        (
            "ntklib/statistics/_rates.py",
            "return Rate(exponent, low, high, intercept",
            "return Rate(exponent, (exponent + low) / 2, (exponent + high) / 2, intercept",
        ),
    ),
    false(
        "Fourier modes are 1 % too small",
        "04-eigenfunctions",
        "mercer.circle",
        (
            "ntklib/spectrum/_rotation_invariant.py",
            "amplitude = np.where(frequency == 0, 1.0, np.sqrt(2))",
            "amplitude = np.where(frequency == 0, 1.0, 1.4)",
        ),
    ),
    false(
        "samples miss a twentieth of the circle",
        "04-eigenfunctions",
        "nystrom-rate.constant",
        (
            "ntklib/measures/_rules.py",
            "return points_at(jax.random.uniform(key, (n,), maxval=2 * jnp.pi))",
            "return points_at(jax.random.uniform(key, (n,), maxval=1.9 * jnp.pi))",
        ),
    ),
    false(
        "samples are an eighth smaller than they say",
        "04-eigenfunctions",
        "nystrom-rate.constant",
        (
            "*",
            "sample = measure.sample(jax.random.fold_in(jax.random.fold_in(key, n), index), n)",
            (
                "sample = measure.sample("
                "jax.random.fold_in(jax.random.fold_in(key, n), index), n - n // 8)"
            ),
        ),
    ),
    false(
        "a share of the trace is 2 % lower than asked",
        "05-skewed-spectrum",
        "figure-2.known-case",
        (
            "ntklib/spectrum/_rank.py",
            '_checks.fraction("share", share) * carried[-1]',
            '_checks.fraction("share", share) * 0.98 * carried[-1]',
        ),
    ),
    false(
        "the Gram matrix is divided by an eighth too few points",
        "05-skewed-spectrum",
        "figure-2.known-case",
        (
            "*",
            "return np.asarray(spectrum.fisher_spectrum(gram, measures.empirical(points)))",
            "return 8 / 7 * np.asarray(spectrum.fisher_spectrum(gram, measures.empirical(points)))",
        ),
    ),
    false(
        "ξ is taken from the exponent of single coefficients",
        "05-skewed-spectrum",
        "guarantee.power-law-digits",
        ("*", "xi = kappa / nu", "xi = (kappa + 1) / nu"),
    ),
    false(
        "stopping times are 15 % short",
        "09-corollary-5",
        "corollary-5.stopping-time",
        (
            "ntklib/theory/_corollary_5.py",
            "return max(0.0, math.log(start / end)) / rate",
            "return 0.85 * max(0.0, math.log(start / end)) / rate",
        ),
    ),
    false(
        "a kernel's flow is damped 3 % too little",
        "09-corollary-5",
        "corollary-5.stopping-time",
        (
            "ntklib/dynamics/_decay.py",
            "jnp.exp(-total * ends)",
            "jnp.exp(-0.97 * total * ends)",
        ),
    ),
    false(
        "the constant of the guarantee is 1/5 in place of 1/(2e)",
        "09-corollary-5",
        "guarantee.rkhs",
        (
            "*",
            "return np.asarray(at * circle.inner(residuals, residuals) * 2 * math.e / norm)",
            "return np.asarray(at * circle.inner(residuals, residuals) * 5 / norm)",
        ),
    ),
    false(
        "the power of a guarantee is (κ − 0.9)/ν",
        "09-corollary-5",
        "guarantee.power-law",
        (
            "*",
            'expected = (kappa - 1) / (2 if nu == "ReLU" else nu)',
            'expected = (kappa - 0.9) / (2 if nu == "ReLU" else nu)',
        ),
    ),
    false(
        "networks stop at T ∼ ε^(−0.9)",
        "09-corollary-5",
        "guarantee.end-to-end",
        (
            "*",
            "jnp.asarray(parts / (2 * math.e * worst_epsilon[j])),",
            "jnp.asarray(parts / (2 * math.e * worst_epsilon[j] ** 0.9)),",
        ),
    ),
    false(
        "networks stop 15 % before the guaranteed time",
        "09-corollary-5",
        "guarantee.end-to-end",
        (
            "*",
            "jnp.asarray(parts / (2 * math.e * worst_epsilon[j])),",
            "0.85 * jnp.asarray(parts / (2 * math.e * worst_epsilon[j])),",
        ),
    ),
    false(
        "an eighth of a sample of the nodes is a copy of another eighth",
        "09-corollary-5",
        "guarantee.power-law-constant",
        (
            "*",
            "jax.random.choice(key, q, (n_rough,))",
            "jax.random.choice(key, q, (n_rough,))[jnp.arange(n_rough) % (n_rough * 7 // 8)]",
        ),
    ),
    false(
        "the ideal residual decays 15 % too slowly while the sample is seen",
        "09-corollary-5",
        "guarantee.power-law-constant",
        (
            "ntklib/theory/response.py",
            "return np.asarray(t * np.exp(-least * t) * np.where(",
            "return np.asarray(t * np.exp(-0.85 * least * t) * np.where(",
        ),
    ),
    false(
        "an interval of 93 %",
        "03-tangent-kernels",
        "assumption-2.interval",
        (
            "ntklib/statistics/_interval.py",
            "confidence_level=level,",
            "confidence_level=level - 0.02,",
        ),
    ),
)
