// The mathematics of the live page, in double precision: fully connected networks on the circle,
// their gradient, flow and descent; the analytic kernel K^∞ and its eigenvalues; both sides of
// Corollary 2. The formulas are ntklib's, named beside each. Nothing here knows of a page, for a
// worker is made of this function's own text: a page opened from a folder can't load one from a
// file.
function mathematics() {
  "use strict";

  // ---- activations ------------------------------------------------------------------------------

  // Of smooth ones ω and ω' come from Taylor's series about the nearest node, 1/128 away at most:
  // its eighth term is below rounding, and it takes half the time of Math.tanh.
  const NODES = 64;
  const TERMS = 8;
  const STEPPING = 20;

  function odd(reach, series) {
    const table = new Float64Array((reach * NODES + 1) * TERMS);
    for (let node = 0, value = 0; node <= reach * NODES; node++) {
      const terms = series(node / NODES, value);
      table.set(terms.subarray(0, TERMS), node * TERMS);
      value = terms.reduceRight((sum, term) => sum / NODES + term, 0);
    }
    // Takes u to ω'(u) where it lies, and puts ω(u) into `values`.
    return function (u, values) {
      for (let i = 0; i < u.length; i++) {
        const x = u[i], size = Math.abs(x);
        if (size >= reach) { values[i] = Math.sign(x); u[i] = 0; continue; }
        const node = (size * NODES + 0.5) | 0, d = size - node / NODES, at = node * TERMS;
        const c1 = table[at + 1], c2 = table[at + 2], c3 = table[at + 3], c4 = table[at + 4];
        const c5 = table[at + 5], c6 = table[at + 6], c7 = table[at + 7];
        const value = table[at]
          + d * (c1 + d * (c2 + d * (c3 + d * (c4 + d * (c5 + d * (c6 + d * c7))))));
        values[i] = x < 0 ? -value : value;
        u[i] = c1
          + d * (2 * c2 + d * (3 * c3 + d * (4 * c4 + d * (5 * c5 + d * (6 * c6 + d * 7 * c7)))));
      }
    };
  }

  // erf' = 2/√π·e^(−u²) solves g' = −2ug.
  const erf = odd(6, function (u, value) {
    const g = new Float64Array(STEPPING), terms = new Float64Array(STEPPING);
    terms[0] = value;
    g[0] = 2 / Math.sqrt(Math.PI) * Math.exp(-u * u);
    for (let k = 0; k + 1 < STEPPING; k++) {
      terms[k + 1] = g[k] / (k + 1);
      g[k + 1] = -2 * (u * g[k] + (k > 0 ? g[k - 1] : 0)) / (k + 1);
    }
    return terms;
  });

  // tanh' = 1 − tanh².
  const tanh = odd(20, function (u, value) {
    const terms = new Float64Array(STEPPING);
    terms[0] = value;
    for (let k = 0; k + 1 < STEPPING; k++) {
      let square = k === 0 ? -1 : 0;
      for (let i = 0; i <= k; i++) { square += terms[i] * terms[k - i]; }
      terms[k + 1] = -square / (k + 1);
    }
    return terms;
  });

  function relu(u, values) {
    for (let i = 0; i < u.length; i++) {
      values[i] = u[i] > 0 ? u[i] : 0;
      u[i] = u[i] > 0 ? 1 : 0;
    }
  }

  // ---- the analytic kernel ----------------------------------------------------------------------

  // A layer takes what two points at angle φ have in common, as 1 − ρ of their correlation ρ, and the
  // variance s that all points share, to E[ω(u)ω(v)], E[ω(u)²] and E[ω'(u)ω'(v)].
  function erfMoments(apart, s) {
    const largest = 2 * s / (1 + 2 * s), sine = largest * (1 - apart);
    return {
      value: 2 / Math.PI * Math.asin(sine),
      variance: 2 / Math.PI * Math.asin(largest),
      slope: 4 / Math.PI / ((1 + 2 * s) * Math.sqrt(1 - sine * sine)),
    };
  }

  function reluMoments(apart, s) {
    const phi = 2 * Math.asin(Math.sqrt(apart / 2));
    const share = 1 - apart + (Math.sin(phi) - phi * (1 - apart)) / Math.PI;
    return { value: s / 2 * share, variance: s / 2, slope: (Math.PI - phi) / (2 * Math.PI) };
  }

  // Hermite's series E[ω(u)ω(v)] = Σ a_k² ρ^k (networks._hermite).
  const HERMITE = 512;
  const TRAPEZOID = 1 / 16;
  const REACH = 13;

  function hermite(values) {
    const count = values.length, squares = new Float64Array(HERMITE);
    const z = Float64Array.from({ length: count }, (_, i) => TRAPEZOID * i - REACH);
    const half = z.map((each) => Math.exp(-each * each / 4));
    let before = half.map(() => 0), row = half;
    for (let k = 0; k < HERMITE; k++) {
      let sum = 0;
      for (let i = 0; i < count; i++) { sum += half[i] * row[i] * values[i]; }
      squares[k] = (TRAPEZOID / Math.sqrt(2 * Math.PI) * sum) ** 2;
      const next = row.map((each, i) =>
        (z[i] * each - Math.sqrt(k) * before[i]) / Math.sqrt(k + 1));
      before = row;
      row = next;
    }
    return (rho) => squares.reduceRight((sum, square) => sum * rho + square, 0);
  }

  const seriesOf = new Map();

  function tanhMoments(apart, s) {
    if (!seriesOf.has(s)) {
      const slopes = Float64Array.from({ length: 2 * REACH / TRAPEZOID + 1 },
        (_, i) => Math.sqrt(s) * (TRAPEZOID * i - REACH));
      const values = new Float64Array(slopes.length);
      tanh(slopes, values);
      seriesOf.set(s, [hermite(values), hermite(slopes)]);
    }
    const [value, slope] = seriesOf.get(s);
    return { value: value(1 - apart), variance: value(1), slope: slope(1 - apart) };
  }

  const ACTIVATIONS = {
    erf: { fill: erf, moments: erfMoments, smooth: true },
    tanh: { fill: tanh, moments: tanhMoments, smooth: true },
    relu: { fill: relu, moments: reluMoments, smooth: false },
  };

  // κ(φ) = K^∞(x, x') of points at angle φ on the unit circle, with biases (networks._covariances):
  // Λ₀ = cos φ/2 + 1, Λ_l = F(Λ_{l−1}) + 1, Θ_l = Λ_l + Ḟ(Λ_{l−1})·Θ_{l−1}.
  function analyticKernel(activation, depth, phi) {
    const { moments } = ACTIVATIONS[activation];
    let s = 3 / 2, apart = 2 / 3 * Math.sin(phi / 2) ** 2, tangent = s * (1 - apart);
    for (let layer = 0; layer < depth; layer++) {
      const { value, variance, slope } = moments(apart, s);
      tangent = value + 1 + slope * tangent;
      s = variance + 1;
      apart = Math.max((variance - value) / s, 0);
    }
    return tangent;
  }

  // λ_j = (1/π)∫κ(φ) cos jφ dφ over [0, π] by Fejér's rule (spectrum.fourier_eigenvalues).
  const FEJER = 512;

  function fourierEigenvalues(activation, depth, most) {
    const values = new Float64Array(most + 1);
    for (let i = 0; i < FEJER; i++) {
      const node = Math.PI * (i + 0.5) / FEJER, phi = Math.PI * Math.sin(node / 2) ** 2;
      let sum = 0;
      for (let k = 1; k <= FEJER / 2; k++) { sum += Math.cos(2 * node * k) / (4 * k * k - 1); }
      const share = (1 - 2 * sum) / FEJER * analyticKernel(activation, depth, phi);
      for (let j = 0; j <= most; j++) { values[j] += share * Math.cos(j * phi); }
    }
    return values.map((value) => Math.max(value, 0));
  }

  // ---- networks ---------------------------------------------------------------------------------

  // α^(l) = ω(W α^(l−1)/√m_{l−1} + b), g = vᵀα/√m + c, f = (g(θ) − g(θ'))/√2: all parameters in one
  // array, for θ and then θ' the weights and biases of each layer (networks.fully_connected with
  // biases on ℝ², under networks.antisymmetric).
  function network(width, depth, activation) {
    const layers = [];
    let half = 0;
    for (let layer = 0; layer < depth; layer++) {
      const inputs = layer === 0 ? 2 : width;
      layers.push({ inputs, weights: half, biases: half + width * inputs });
      half += width * (inputs + 1);
    }
    return { width, depth, activation, layers, readout: half, half: half + width + 1 };
  }

  // Uniform numbers in (0, 1): the generator sfc32, of Doty-Humphrey's PractRand.
  function generator(seed, stream) {
    let a = 0, b = seed | 0, c = stream | 0, counter = 1;
    function word() {
      const sum = (a + b + counter++) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + sum | 0;
      return sum >>> 0;
    }
    for (let i = 0; i < 15; i++) { word(); }
    return () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6) + 0.5) / 2 ** 53;
  }

  // Antisymmetric: θ' = θ, standard normal.
  function drawnParameters(net, seed) {
    const uniform = generator(seed, 1), theta = new Float64Array(2 * net.half);
    for (let i = 0; i < net.half; i++) {
      const size = Math.sqrt(-2 * Math.log(uniform()));
      theta[i] = theta[net.half + i] = size * Math.cos(2 * Math.PI * uniform());
    }
    return theta;
  }

  function drawnAngles(count, seed) {
    const uniform = generator(seed, 2);
    return Float64Array.from({ length: count }, () => 2 * Math.PI * uniform());
  }

  function equispaced(count) {
    return Float64Array.from({ length: count }, (_, i) => 2 * Math.PI * i / count);
  }

  // Points (cos, sin) as the network's input, an array of features.
  function points(angles) {
    const n = angles.length, x = new Float64Array(2 * n);
    for (let i = 0; i < n; i++) { x[i] = Math.cos(angles[i]); x[n + i] = Math.sin(angles[i]); }
    return { x, n };
  }

  // What the layers of one half hold at some points.
  function room(net, n) {
    return net.layers.map(() => ({
      slopes: new Float64Array(net.width * n), values: new Float64Array(net.width * n),
    }));
  }

  // W·inputs/√features + b; there are two features or more, read four at a time.
  function affine(theta, weights, biases, inputs, features, n, units, out) {
    const scale = 1 / Math.sqrt(features);
    for (let unit = 0; unit < units; unit++) {
      const row = unit * n, first = weights + unit * features, bias = theta[biases + unit];
      const left = scale * theta[first], right = scale * theta[first + 1];
      for (let i = 0; i < n; i++) { out[row + i] = bias + left * inputs[i] + right * inputs[n + i]; }
      let k = 2;
      for (; k + 4 <= features; k += 4) {
        const w0 = scale * theta[first + k], w1 = scale * theta[first + k + 1];
        const w2 = scale * theta[first + k + 2], w3 = scale * theta[first + k + 3];
        const a = k * n, b = a + n, c = b + n, d = c + n;
        for (let i = 0; i < n; i++) {
          out[row + i] += w0 * inputs[a + i] + w1 * inputs[b + i]
            + (w2 * inputs[c + i] + w3 * inputs[d + i]);
        }
      }
      for (; k < features; k++) {
        const weight = scale * theta[first + k], a = k * n;
        for (let i = 0; i < n; i++) { out[row + i] += weight * inputs[a + i]; }
      }
    }
  }

  // g(x; half of θ) at points.
  function forward(net, theta, start, { x, n }, state) {
    const { fill } = ACTIVATIONS[net.activation];
    let inputs = x;
    net.layers.forEach(function (layer, l) {
      const { slopes, values } = state[l];
      affine(theta, start + layer.weights, start + layer.biases, inputs, layer.inputs, n,
        net.width, slopes);
      fill(slopes, values);
      inputs = values;
    });
    const v = start + net.readout, scale = 1 / Math.sqrt(net.width);
    const g = new Float64Array(n).fill(theta[v + net.width]);
    for (let unit = 0; unit < net.width; unit++) {
      const weight = scale * theta[v + unit], row = unit * n;
      for (let i = 0; i < n; i++) { g[i] += weight * inputs[row + i]; }
    }
    return g;
  }

  // Turns the slopes of each layer into the gradient of Σ_i e_i·sign·g(x_i) by its preactivations,
  // and puts that by v where it belongs.
  function backward(net, theta, start, n, state, sign, e, gradient) {
    const scale = 1 / Math.sqrt(net.width), m = net.width;
    const { slopes, values } = state[net.depth - 1];
    for (let unit = 0; unit < m; unit++) {
      const at = start + net.readout + unit, row = unit * n, weight = sign * scale * theta[at];
      let sum = 0;
      for (let i = 0; i < n; i++) {
        sum += e[i] * values[row + i];
        slopes[row + i] *= weight * e[i];
      }
      gradient[at] = sign * scale * sum;
    }
    const sums = new Float64Array(n);
    for (let l = net.depth - 1; l > 0; l--) {
      const above = state[l].slopes, below = state[l - 1].slopes;
      const weights = start + net.layers[l].weights;
      for (let k = 0; k < m; k++) {
        sums.fill(0);
        let unit = 0;
        for (; unit + 4 <= m; unit += 4) {
          const at = weights + unit * m + k, a = unit * n, b = a + n, c = b + n, d = c + n;
          const w0 = theta[at], w1 = theta[at + m], w2 = theta[at + 2 * m], w3 = theta[at + 3 * m];
          for (let i = 0; i < n; i++) {
            sums[i] += w0 * above[a + i] + w1 * above[b + i]
              + (w2 * above[c + i] + w3 * above[d + i]);
          }
        }
        for (; unit < m; unit++) {
          const weight = theta[weights + unit * m + k], a = unit * n;
          for (let i = 0; i < n; i++) { sums[i] += weight * above[a + i]; }
        }
        for (let i = 0; i < n; i++) { below[k * n + i] *= scale * sums[i]; }
      }
    }
  }

  // f(x; θ) at points, shape (n,): exactly 0 where θ' = θ.
  function predictions(net, theta, at, states) {
    const plus = forward(net, theta, 0, at, states[0]);
    const minus = forward(net, theta, net.half, at, states[1]);
    return plus.map((g, i) => (g - minus[i]) / Math.SQRT2);
  }

  // Puts ∂_θΦ into `gradient`, for Φ(θ) = Σ_i (f(x_i; θ) − y_i)²/(2n).
  function lossGradient(net, theta, at, labels, states, gradient) {
    const { n } = at, m = net.width;
    const e = predictions(net, theta, at, states);
    for (let i = 0; i < n; i++) { e[i] = (e[i] - labels[i]) / (n * Math.SQRT2); }
    let all = 0;
    for (let i = 0; i < n; i++) { all += e[i]; }
    states.forEach(function (state, which) {
      const start = which * net.half, sign = which === 0 ? 1 : -1;
      gradient[start + net.readout + m] = sign * all;
      backward(net, theta, start, n, state, sign, e, gradient);
      net.layers.forEach(function (layer, l) {
        const inputs = l === 0 ? at.x : state[l - 1].values;
        outer(state[l].slopes, inputs, layer.inputs, n, m, gradient, start + layer.weights,
          start + layer.biases);
      });
    });
  }

  // The sums over points of each unit's gradient times each of its inputs, and times 1.
  function outer(deltas, inputs, features, n, units, gradient, weights, biases) {
    const scale = 1 / Math.sqrt(features);
    for (let unit = 0; unit < units; unit++) {
      const row = unit * n, first = weights + unit * features;
      let total = 0, k = 0;
      for (; k + 2 <= features; k += 2) {
        const a = k * n, b = a + n;
        let left = 0, right = 0;
        total = 0;
        for (let i = 0; i < n; i++) {
          const delta = deltas[row + i];
          total += delta;
          left += delta * inputs[a + i];
          right += delta * inputs[b + i];
        }
        gradient[first + k] = scale * left;
        gradient[first + k + 1] = scale * right;
      }
      for (; k < features; k++) {
        let sum = 0;
        for (let i = 0, a = k * n; i < n; i++) { sum += deltas[row + i] * inputs[a + i]; }
        gradient[first + k] = scale * sum;
      }
      gradient[biases + unit] = total;
    }
  }

  function addGram(values, units, n, scale, gram) {
    for (let unit = 0; unit < units; unit++) {
      for (let i = 0, row = unit * n; i < n; i++) {
        const left = scale * values[row + i];
        for (let j = 0; j < n; j++) { gram[i * n + j] += left * values[row + j]; }
      }
    }
    return gram;
  }

  // K_t(x_i, x_j) = ⟨∇f(x_i), ∇f(x_j)⟩, a sum over layers of products of two Gram matrices.
  function tangentKernel(net, theta, at, states) {
    const { n } = at, size = n * n, kernel = new Float64Array(size);
    const ones = new Float64Array(n).fill(1), sums = new Float64Array(theta.length);
    predictions(net, theta, at, states);
    states.forEach(function (state, which) {
      backward(net, theta, which * net.half, n, state, 1, ones, sums);
      const seen = [addGram(at.x, 2, n, 1 / 2, new Float64Array(size)),
        ...state.map(({ values }) =>
          addGram(values, net.width, n, 1 / net.width, new Float64Array(size)))];
      seen.forEach(function (inputs, l) {
        const outputs = l === net.depth ? null
          : addGram(state[l].slopes, net.width, n, 1, new Float64Array(size));
        for (let i = 0; i < size; i++) {
          kernel[i] += (inputs[i] + 1) * (outputs === null ? 1 : outputs[i]) / 2;
        }
      });
    });
    return kernel;
  }

  // ---- the circle -------------------------------------------------------------------------------

  // f*(θ) = Σ_j a_j cos(k_j θ − p_j) (targets.FourierSum).
  function targetAt(target, angles) {
    return angles.map((angle) => target.frequencies.reduce((sum, k, j) =>
      sum + target.amplitudes[j] * Math.cos(k * angle - target.phases[j]), 0));
  }

  // The eigenfunctions 1, √2 cos jθ, √2 sin jθ at the nodes, in the order of their eigenvalues
  // (spectrum.circle).
  function eigensystem(activation, depth, angles) {
    const most = Math.floor((angles.length - 1) / 2);
    const byFrequency = fourierEigenvalues(activation, depth, most);
    const modes = [{ frequency: 0, wave: () => 1 }];
    for (let j = 1; j <= most; j++) {
      modes.push({ frequency: j, wave: (angle) => Math.SQRT2 * Math.cos(j * angle) },
        { frequency: j, wave: (angle) => Math.SQRT2 * Math.sin(j * angle) });
    }
    modes.sort((a, b) => byFrequency[b.frequency] - byFrequency[a.frequency]);
    return {
      byFrequency,
      frequencies: modes.map(({ frequency }) => frequency),
      values: Float64Array.from(modes, ({ frequency }) => byFrequency[frequency]),
      functions: modes.map(({ wave }) => angles.map(wave)),
    };
  }

  function mean(left, right) {
    let sum = 0;
    for (let i = 0; i < left.length; i++) { sum += left[i] * right[i]; }
    return sum / left.length;
  }

  function projections(system, g) {
    return Float64Array.from(system.functions, (each) => mean(each, g));
  }

  // (1 − e^(−σt))/σ, which is t at σ = 0 (dynamics.damping_factor).
  function damping(sigma, t) {
    return sigma === 0 ? t : -Math.expm1(-sigma * t) / sigma;
  }

  // ---- training ---------------------------------------------------------------------------------

  // Dormand and Prince's method of order 5. The last row is that of the step itself.
  const STAGES = [
    [1 / 5], [3 / 40, 9 / 40], [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ];
  const ERRORS = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
  // Of a step, in the norm of θ, for a residual of norm 1. At the kinks of ReLU, where θ' jumps, the
  // steps to a smaller one would be too many.
  const TOLERANCE = { smooth: 1e-8, kinked: 1e-5 };
  class Training {
    // A network, its θ₀, the angles of the sample (null for n = ∞, the nodes), f*, and the step η of
    // gradient descent, 0 for the flow.
    constructor({ net, theta, sample, target, step, nodes }) {
      const angles = equispaced(nodes);
      Object.assign(this, { net, theta: Float64Array.from(theta), step, t: 0, gradients: 0 });
      this.system = eigensystem(net.activation, net.depth, angles);
      this.nodes = points(angles);
      this.at = sample === null ? this.nodes : points(sample);
      this.target = targetAt(target, angles);
      this.labels = targetAt(target, sample === null ? angles : sample);
      const rooms = (n) => [room(net, n), room(net, n)];
      this.states = rooms(this.at.n);
      this.nodeStates = this.at === this.nodes ? this.states : rooms(nodes);
      this.kernel = tangentKernel(net, this.theta, this.nodes, this.nodeStates);
      this.offStart = this.kernelDistance((i, j) =>
        analyticKernel(net.activation, net.depth, angles[Math.abs(i - j)]));
      this.size = Math.sqrt(mean(this.kernel, this.kernel));
      this.moved = this.lookedAt = this.needed = 0;
      this.start = null;
      this.compare();
      this.stages = Array.from({ length: STAGES.length + 1 }, () => new Float64Array(theta.length));
      this.trial = new Float64Array(theta.length);
      const { smooth, kinked } = TOLERANCE;
      this.tolerance = (ACTIVATIONS[net.activation].smooth ? smooth : kinked)
        * Math.sqrt(mean(this.target, this.target));
      this.next = 0.01;
      this.velocity(this.theta, this.stages[0]);
    }

    kernelDistance(other) {
      const { n } = this.nodes;
      let sum = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) { sum += (this.kernel[i * n + j] - other(i, j)) ** 2; }
      }
      return Math.sqrt(sum) / n;
    }

    velocity(theta, out) {
      lossGradient(this.net, theta, this.at, this.labels, this.states, out);
      for (let i = 0; i < out.length; i++) { out[i] = -out[i]; }
      this.gradients += 1;
    }

    // Takes a step that ends at `limit` at the latest; of descent, one step η if it fits.
    advance(limit) {
      return this.step > 0 ? this.descend(limit) : this.flow(limit);
    }

    descend(limit) {
      if (this.t + this.step > limit * (1 + 1e-12)) { return false; }
      const { theta, stages } = this;
      for (let i = 0; i < theta.length; i++) { theta[i] += this.step * stages[0][i]; }
      this.velocity(theta, stages[0]);
      this.t += this.step;
      this.compare();
      return true;
    }

    flow(limit) {
      if (this.t >= limit) { return false; }
      const { theta, stages, trial } = this, count = theta.length;
      const h = Math.min(this.next, limit - this.t), last = STAGES.length;
      STAGES.forEach(function (row, index) {
        for (let i = 0; i < count; i++) {
          let sum = 0;
          for (let j = 0; j < row.length; j++) { sum += row[j] * stages[j][i]; }
          trial[i] = theta[i] + h * sum;
        }
        this.velocity(trial, stages[index + 1]);
      }, this);
      let square = 0;
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let j = 0; j < ERRORS.length; j++) { sum += ERRORS[j] * stages[j][i]; }
        square += (h * sum) ** 2;
      }
      const error = Math.sqrt(square) / this.tolerance;
      // A step cut short to end at the limit says little of how long the next one may be.
      const factor = Math.min(5, Math.max(0.2, 0.9 * error ** -0.2));
      if (!(error <= 1)) {
        this.next = h * (error > 1 ? factor : 0.2);
        return h > 1e-12 * Math.max(this.t, 1);
      }
      this.next = Math.max(h * factor, Math.min(this.next, 5 * this.next));
      theta.set(trial);
      [stages[0], stages[last]] = [stages[last], stages[0]];
      this.t = h === limit - this.t ? limit : this.t + h;
      this.compare();
      return true;
    }

    // The residual r_t = f(·; θ_t) − f* at the nodes, the left sides of Corollary 2, the ε that they
    // ask for now, and the least that is enough for all steps so far (theory.compare).
    compare() {
      const { t, system } = this;
      const f = predictions(this.net, this.theta, this.nodes, this.nodeStates);
      this.residual = f.map((value, i) => value - this.target[i]);
      this.coefficients = projections(system, this.residual);
      this.start = this.start || this.coefficients;
      this.ideal = this.start.map((c, i) => c * Math.exp(-system.values[i] * t));
      this.projected = new Float64Array(this.ideal.length);
      this.asked = 0;
      let sum = 0;
      for (let i = 0; i < this.ideal.length; i++) {
        sum += (this.coefficients[i] - this.ideal[i]) ** 2;
        this.projected[i] = sum;
        if (t > 0) { this.asked = Math.max(this.asked, sum / damping(system.values[i], t) ** 2); }
      }
      this.needed = Math.max(this.needed, this.asked);
    }

    // How far the kernel has moved by now: ‖K_t − K_0‖ in L²(ρ⊗ρ).
    look() {
      const { n } = this.nodes;
      const now = tangentKernel(this.net, this.theta, this.nodes, this.nodeStates);
      this.moved = this.kernelDistance((i, j) => now[i * n + j]);
      this.lookedAt = this.t;
    }

    // What there is to see at this time.
    observe() {
      const { system, residual } = this;
      const norms = new Float64Array(system.byFrequency.length);
      this.coefficients.forEach((c, i) => { norms[system.frequencies[i]] += c * c; });
      const ideal = new Float64Array(residual.length);
      this.ideal.forEach((c, i) => {
        for (let x = 0; x < ideal.length; x++) { ideal[x] += c * system.functions[i][x]; }
      });
      const deviation = residual.map((value, x) => value - ideal[x]);
      return {
        t: this.t, residual, ideal, norms: norms.map(Math.sqrt), projected: this.projected,
        total: mean(deviation, deviation), epsilon: this.needed, moved: this.moved,
        lookedAt: this.lookedAt,
      };
    }
  }

  return {
    ACTIVATIONS, Training, analyticKernel, damping, drawnAngles, drawnParameters, eigensystem,
    equispaced, fourierEigenvalues, lossGradient, network, points, predictions, room, tangentKernel,
    targetAt,
  };
}
