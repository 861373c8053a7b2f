// What the live page's worker does: it trains one network after another and tells what it sees.
// `math` is what mathematics() returns. The page says {kind: "start", run, setting}, {kind: "go",
// paced} or {kind: "pause"}, and hears of each run that it has "started", what is "seen", and its
// "end", or that it is "broken".
function trainer(math) {
  "use strict";

  const NODES = 64;
    // A run that the machine keeps up with takes so many seconds, each decade of time as long.
  const SECONDS = 10;
  // How far the kernel has moved is computed when t has grown by this factor, and at the end.
  const LATER = 1.12;
  // Milliseconds between two looks, of which the computation may take all.
  const FRAME = 16;

  let training = null, setting = null, run = 0, going = false, paced = true, busy = 0;
  const channel = new MessageChannel();
  channel.port1.onmessage = turn;

  function begin(message) {
    ({ run, setting } = message);
    const net = math.network(setting.width, setting.depth, setting.activation);
    // σ₁ is the largest eigenvalue, by which steps are measured.
    const largest = Math.max(...math.fourierEigenvalues(setting.activation, setting.depth, 1));
    const sample = setting.samples === Infinity ? null
      : math.drawnAngles(setting.samples, setting.seed);
    training = new math.Training({
      net, theta: math.drawnParameters(net, setting.seed), sample, target: setting.target,
      step: setting.step / largest, nodes: NODES,
    });
    going = false;
    busy = 0;
    postMessage({
      kind: "started", run, eigenvalues: training.system.values,
      byFrequency: training.system.byFrequency, target: training.target, sample,
      offStart: training.offStart, size: training.size,
    });
    tell(false);
  }

  // Returns whether what there is to see is made of numbers: steps of descent may end otherwise.
  function tell(last) {
    if (last || training.t >= training.lookedAt * LATER) { training.look(); }
    const seen = training.observe();
    postMessage({ kind: "seen", run, speed: training.gradients / busy, ...seen });
    return Number.isFinite(seen.total);
  }

  // The time up to which this turn may go.
  function limit() {
    if (!paced) { return setting.horizon; }
    const growth = (setting.horizon / setting.first) ** (FRAME / 1000 / SECONDS);
    const next = Math.max(setting.first, training.t * growth, training.t + training.step);
    return Math.min(setting.horizon, next);
  }

  function turn() {
    if (!going) { return; }
    const start = performance.now(), until = limit(), before = training.t;
    let more = true;
    while (more && performance.now() - start < FRAME) { more = training.advance(until); }
    const spent = performance.now() - start;
    busy += spent / 1000;
    const moved = training.t > before, ended = training.t >= setting.horizon || (!more && !moved);
    const sound = !(moved || ended) || tell(ended);
    if (!sound || (!more && training.step === 0 && training.t < until)) {
      going = false;
      postMessage({ kind: "broken", run, t: training.t });
    } else if (ended) {
      going = false;
      postMessage({ kind: "end", run });
    } else if (spent < FRAME && paced) {
      setTimeout(turn, FRAME - spent);
    } else {
      // A timer would wait for some milliseconds, and this lets messages in.
      channel.port2.postMessage(null);
    }
  }

  onmessage = function ({ data }) {
    if (data.kind === "start") { begin(data); }
    if (data.kind === "pause") { going = false; }
    if (data.kind === "go") {
      ({ paced } = data);
      if (!going) { going = true; channel.port2.postMessage(null); }
    }
  };
}
