"""Falsehoods of the chapters on damped deviations, the Fisher matrix and the other works."""

from planting import false

COMPARISONS = (
    false(
        "the forces are a tenth larger than what was integrated",
        "10-damped-deviations",
        "damped-deviations.split damped-deviations.known",
        (
            "ntklib/theory/deviations.py",
            "        forces=forces,\n",
            "        forces=forces.map(lambda force: 1.1 * force),\n",
        ),
    ),
    false(
        "the force of the movement is 5 % too large",
        "10-damped-deviations",
        "damped-deviations.split",
        (
            "ntklib/theory/deviations.py",
            "movement=at_points(at_start - now)",
            "movement=1.05 * at_points(at_start - now)",
        ),
    ),
    false(
        "the damping is 2 % too fast",
        "10-damped-deviations",
        "damped-deviations.identity",
        (
            "ntklib/theory/_panels.py",
            "sigma = np.asarray(_decay.rates(",
            "sigma = 1.02 * np.asarray(_decay.rates(",
        ),
    ),
    false(
        "the damping factor is 5 % too large, in the known case too",
        "10-damped-deviations",
        "damped-deviations.known",
        (
            "ntklib/dynamics/_decay.py",
            "return jnp.where(none, times, -jnp.expm1(-decay)",
            "return 1.05 * jnp.where(none, times, -jnp.expm1(-decay)",
        ),
    ),
    false(
        "the force is that of another draw's sample",
        "10-damped-deviations",
        "damped-deviations.identity damped-deviations.split",
        (
            "*",
            "for flow, sample in zip(flows, samples, strict=True)\n    )",
            "for flow, sample in zip(flows, samples[::-1], strict=True)\n    )",
        ),
    ),
    false(
        "the trace form of the effective rank divides by the mean of two eigenvalues",
        "11-fisher-rank",
        "fisher-rank.limit",
        (
            "ntklib/spectrum/_rank.py",
            "return float(np.sum(sigma / sigma.max()))",
            "return float(np.sum(sigma) / np.sort(sigma)[-2:].mean())",
        ),
    ),
    false(
        "the trace form of the effective rank is 4 % too small",
        "11-fisher-rank",
        "fisher-rank.limit",
        (
            "ntklib/spectrum/_rank.py",
            "return float(np.sum(sigma / sigma.max()))",
            "return float(0.96 * np.sum(sigma / sigma.max()))",
        ),
    ),
    false(
        "the entropy form of the effective rank has another base than its logarithm",
        "11-fisher-rank",
        "fisher-rank.limit",
        (
            "ntklib/spectrum/_rank.py",
            "return float(np.exp(np.sum(entr(",
            "return float(np.exp2(np.sum(entr(",
        ),
    ),
    false(
        "all widths are drawn from one key",
        "11-fisher-rank",
        "fisher-rank.independent",
        (
            "*",
            "jax.random.fold_in(key, 100 * index + m)",
            "jax.random.fold_in(key, 100 * index)",
        ),
    ),
    false(
        "a work of the table is on another set",
        "12-comparison",
        "comparison.sources",
        (
            "ntklib/theory/_works.py",
            'controls="top k eigenfunctions learned to ε",\n        where="all of X",',
            'controls="top k eigenfunctions learned to ε",\n        where="the training set",',
        ),
    ),
    false(
        "a work of the table is for other networks",
        "12-comparison",
        "comparison.sources",
        (
            "ntklib/theory/_works.py",
            'architectures="two layers (Arora et al.)"',
            'architectures="any depth (Arora et al.)"',
        ),
    ),
    false(
        "the width of Corollary 5 grows with another power of the eigenvalue",
        "12-comparison",
        "comparison.sources",
        ("ntklib/theory/_works.py", '{"sigma": -8, "epsilon": -2}', '{"sigma": -7, "epsilon": -2}'),
    ),
    false(
        "Cao et al. follow eigenvectors of the Gram matrix",
        "12-comparison",
        "comparison.sources",
        (
            "ntklib/theory/_works.py",
            'controls="residual along the top k eigenfunctions"',
            'controls="residual along the top k eigenvectors of the Gram matrix"',
        ),
    ),
    false(
        "a width that the talk leaves open grows with another power than in its work",
        "12-comparison",
        "comparison.sources",
        ("ntklib/theory/_works.py", '"lambda_0": -4', '"lambda_0": -2'),
    ),
    false(
        "the constant a is a fifth too large",
        "12-comparison",
        "comparison.start",
        (
            "ntklib/theory/_start_law.py",
            "return StartLaw(float(a.mean())",
            "return StartLaw(1.2 * float(a.mean())",
        ),
    ),
    false(
        "the law's width is off by an eighth",
        "12-comparison",
        "comparison.start",
        (
            "ntklib/theory/_start_law.py",
            "return self.a / np.asarray(m, float)",
            "return self.a / (1.125 * np.asarray(m, float))",
        ),
    ),
    false(
        "the limit as T → 0 is read off at T = 0.001",
        "12-comparison",
        "comparison.start",
        ("*", "sorted({1e-4, *horizons", "sorted({1e-3, *horizons"),
    ),
    false(
        "the network is scaled by the root of m + 1",
        "13-linearization",
        "comparison.linearization-start",
        ("*", "/ jnp.sqrt(width)\n", "/ jnp.sqrt(width + 1)\n"),
    ),
    false(
        "the linearization is that at a point 1 % off θ₀",
        "13-linearization",
        "comparison.linearization-tangent",
        (
            "ntklib/dynamics/linearization.py",
            "_draws.tangents(network, params, everywhere)",
            "_draws.tangents(network, jax.tree.map(lambda leaf: 1.01 * leaf, params), everywhere)",
        ),
    ),
    false(
        "half times are a tenth late",
        "14-training-set",
        "comparison.basri-constant",
        (
            "ntklib/learning/_times.py",
            "ts[reached.argmax(axis=-2)]",
            "1.1 * ts[reached.argmax(axis=-2)]",
        ),
    ),
    false(
        "networks are trained on a mode more than is predicted",
        "14-training-set",
        "comparison.training-set",
        (
            "*",
            "lambda z: f(z[:, :2]), both,",
            "lambda z: f(z[:, :2]) + 0.1 * jnp.cos(5 * measures.angles_of(z[:, :2])), both,",
        ),
    ),
    false(
        "network and kernel are a tenth too large alike",
        "14-training-set",
        "comparison.basri-constant",
        ("*", "return jax.nn.relu(z @", "return 1.1**0.5 * jax.nn.relu(z @"),
        ("*", "/ (2 * jnp.pi)\n", "/ (2 * jnp.pi) * 1.1\n"),
    ),
    false(
        "neurons are a twentieth too large",
        "14-training-set",
        "comparison.rahaman-spectrum",
        (
            "*",
            "return jax.nn.relu(circle.nodes @ w.T) / np.sqrt(m)",
            "return 1.05 * jax.nn.relu(circle.nodes @ w.T) / np.sqrt(m)",
        ),
    ),
    false(
        "output weights learn a fifth too slowly",
        "14-training-set",
        "comparison.frequency-principle",
        ("*", "spectrum.nystrom(g @ g.T, circle)", "spectrum.nystrom(0.8 * g @ g.T, circle)"),
    ),
    false(
        "the cubic spline has other ends",
        "14-training-set",
        "comparison.jin-spline",
        ("*", 'bc_type="natural"', 'bc_type="not-a-knot"'),
    ),
    false(
        "more than half of each cluster's labels are wrong",
        "14-training-set",
        "comparison.li-labels",
        ("*", "groups, flipped_share = 4, 0.25", "groups, flipped_share = 4, 0.55"),
    ),
    false(
        "the degrees are in another order",
        "15-spherical-harmonics",
        "comparison.cao-order",
        (
            "ntklib/learning/zonal.py",
            "along = sigma[jnp.asarray(harmonics.degrees)]",
            "along = sigma[jnp.asarray(harmonics.degrees[::-1])]",
        ),
    ),
    false(
        "networks learn 15 % faster than they should",
        "15-spherical-harmonics",
        "comparison.cao-constants",
        (
            "*",
            "steps, optimizer=step, sample=sample",
            "steps, optimizer=1.15 * step, sample=sample",
        ),
    ),
    false(
        "the projections of networks are 15 % too small",
        "15-spherical-harmonics",
        "comparison.cao-constants",
        (
            "ntklib/learning/_projections.py",
            "out[at] = parts.sum(axis=1) / np.sqrt(m)",
            "out[at] = 0.85 * parts.sum(axis=1) / np.sqrt(m)",
        ),
    ),
    false(
        "the derivative's Hermite series is a term late",
        "15-spherical-harmonics",
        "comparison.murray-table",
        (
            "ntklib/spectrum/_power_series.py",
            "gain * _composed(np.arange(1, len(squares)) * squares[1:] / variance, rho)",
            "gain * _composed(np.arange(len(squares) - 1) * squares[1:] / variance, rho)",
        ),
    ),
    false(
        "powers are as long as on a sphere of one dimension more",
        "15-spherical-harmonics",
        "comparison.murray-eigenvalues",
        (
            "ntklib/spectrum/_power_series.py",
            "gammaln(d / 2) - gammaln((p + k + d) / 2)",
            "gammaln((d + 1) / 2) - gammaln((p + k + d + 1) / 2)",
        ),
    ),
    false(
        "a cube has a dimension more than it says",
        "15-spherical-harmonics",
        "comparison.yang-cube",
        (
            "ntklib/spectrum/_power_series.py",
            "(k * lower + (d - k) * higher) / d, 0.0)",
            "(k * lower + (d - k) * higher) / (d + 1), 0.0)",
        ),
    ),
    false(
        "the sampler misses a twentieth of the circle",
        "16-underparameterized",
        "comparison.underparameterized-sample",
        (
            "ntklib/measures/_rules.py",
            "jax.random.uniform(key, (n,), maxval=2 * jnp.pi)",
            "jax.random.uniform(key, (n,), maxval=1.9 * jnp.pi)",
        ),
    ),
    false(
        "an eighth of a sample is a copy of another eighth",
        "16-underparameterized",
        "comparison.underparameterized-sample",
        (
            "ntklib/measures/_rules.py",
            "jax.random.uniform(key, (n,), maxval=2 * jnp.pi)",
            "jax.random.uniform(key, (n,), maxval=2 * jnp.pi)[jnp.arange(n) % (n - n // 8)]",
        ),
    ),
    false(
        "the constant a is a fifth too large",
        "16-underparameterized",
        "comparison.underparameterized-law",
        (
            "ntklib/theory/_start_law.py",
            "return StartLaw(float(a.mean())",
            "return StartLaw(1.2 * float(a.mean())",
        ),
    ),
    false(
        "the constant c is a fifth too small",
        "16-underparameterized",
        "comparison.underparameterized-law",
        (
            "ntklib/theory/_start_law.py",
            "b, float(c.mean()), *errors)",
            "b, 0.8 * float(c.mean()), *errors)",
        ),
    ),
    false(
        "the law's outgoing weights have the fourth moment 3/2",
        "16-underparameterized",
        "comparison.underparameterized-law",
        ("*", "(0.0, 0.0, 3**0.5)", "(0.0, 1.5**0.5, 1.5**0.5)"),
    ),
    false(
        "networks are trained 2 % too fast",
        "16-underparameterized",
        "comparison.underparameterized-law",
        (
            "ntklib/dynamics/_integrator.py",
            "slope = jax.grad(lambda at: 0.5 * jnp.sum(",
            "slope = jax.grad(lambda at: 0.51 * jnp.sum(",
        ),
    ),
    false(
        "the limit as T → 0 is read off at T = 0.001",
        "16-underparameterized",
        "comparison.underparameterized-width",
        ("*", "jnp.append(1e-4, studies", "jnp.append(1e-3, studies"),
    ),
    false(
        "networks of a pool start 6 % too large",
        "16-underparameterized",
        "comparison.underparameterized-width",
        (
            "ntklib/dynamics/pools.py",
            "        network(m), theta_0,",
            "        network(m), jax.tree.map(lambda leaf: leaf * 1.125**0.5, theta_0),",
        ),
    ),
    false(
        "the law's width is off by an eighth",
        "16-underparameterized",
        "comparison.underparameterized-law",
        (
            "ntklib/theory/_start_law.py",
            "return self.a / np.asarray(m, float)",
            "return self.a / (1.125 * np.asarray(m, float))",
        ),
    ),
    false(
        "the law's sample size is off by an eighth",
        "16-underparameterized",
        "comparison.underparameterized-law",
        (
            "ntklib/theory/_start_law.py",
            "/ np.asarray(n, float)",
            "/ (0.875 * np.asarray(n, float))",
        ),
    ),
)
