// The live page: settings, which the address holds; a worker that trains; charts, numbers and words
// of what it says. Where there is no worker, and on paper, the page's picture stays.
(function () {
  "use strict";

  const HALF = [0.5, 0.5, 0.5, 0.5, 0.5];
  const TARGETS = {
    waves: ["frequencies 0 to 4, each ½", [0, 1, 2, 3, 4], HALF, [0, 0.5, 1, 2, 3]],
    even: ["frequencies 1, 2, 3, each 1", [1, 2, 3], [1, 1, 1], [0, 0.5, 1]],
    high: ["frequency 3, with a little of 1", [1, 3], [0.2, 1], [0, 0.5]],
    square: ["a square wave, up to frequency 9", [1, 3, 5, 7, 9],
      [1, 3, 5, 7, 9].map((k) => 4 / (Math.PI * k)), Array(5).fill(Math.PI / 2)],
  };
  const STEPS = { 0: "none: gradient flow" };
  for (const step of [0.1, 0.5, 1, 1.5, 1.9, 2.1, 3]) { STEPS[step] = `${step}/σ₁`; }
  // By their name in the address: a label, the values and how they are said, the first choice.
  const SETTINGS = {
    m: ["width m", [4, 8, 16, 32, 64, 128, 256, 512, 1024], String, 256],
    n: ["sample size n", [4, 8, 16, 32, 64, 128, 256, Infinity],
      (n) => (n === Infinity ? "∞ (the circle itself)" : String(n)), 64],
    h: ["step η of gradient descent", Object.keys(STEPS).map(Number).sort((a, b) => a - b),
      (step) => STEPS[step], 0],
    x: ["size of the target", [0.1, 1, 10, 100], (size) => `× ${size}`, 1],
    T: ["train until time t", [10, 50, 200, 1000], String, 200],
    k: ["modes k of Corollary 2", [1, 3, 5, 7, 9, 63],
      (k) => (k === 63 ? "63 (all)" : String(k)), 5],
    d: ["hidden layers", [1, 2], String, 1],
    a: ["activation", ["erf", "tanh", "relu"], (name) => (name === "relu" ? "ReLU" : name), "erf"],
    f: ["target f*", Object.keys(TARGETS), (name) => TARGETS[name][0], "waves"],
    s: ["seed of network and sample", null, String, 0],
  };
  const CHOICES = ["d", "a", "f"];
  // A step of a network with two hidden layers costs as much as m networks with one.
  const WIDEST = { 1: Infinity, 2: 128 };
  // Where the axes of time begin.
  const FIRST = 0.05;
  // Of the kept history two neighbours are at least so far apart in time.
  const APART = 1.01;
  const READING = 250;
  const CALM = 1000;

  function start(root) {
    const find = (name) => root.querySelector(`[data-live="${name}"]`);
    const { draw, decades } = drawing(), math = mathematics();
    const worker = new Worker(URL.createObjectURL(new Blob(
      [`(${trainer})((${mathematics})())`], { type: "text/javascript" })));
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const state = {}, inputs = {};
    let run = 0, about = null, history = [], shown = null, going = false, begun = false;
    let colours = null, waiting = false, urgent = false, drawnAt = 0, readAt = 0, frames = [];

    // ---- settings -------------------------------------------------------------------------------

    function accept(name, text) {
      const [, values, , first] = SETTINGS[name];
      if (values === null) { return /^\d{1,9}$/.test(text) ? Number(text) : first; }
      const value = values.find((each) => String(each) === text);
      return value === undefined ? first : value;
    }

    // Reads the address: settings, or the name of a preset, which has them.
    function read() {
      const hash = decodeURIComponent(window.location.hash.slice(1));
      const preset = hash === "" ? null : document.getElementById(hash);
      const link = preset && preset.querySelector("[data-live-settings]");
      const given = new URLSearchParams(link ? link.dataset.liveSettings : hash);
      for (const name of Object.keys(SETTINGS)) { state[name] = accept(name, given.get(name) || ""); }
      tell(link);
    }

    // Says above the settings which preset they are, if any.
    function tell(link) {
      for (const each of document.querySelectorAll("[data-live-settings]")) {
        each.removeAttribute("aria-current");
      }
      if (link) { link.setAttribute("aria-current", "true"); }
      find("preset").textContent = link ? link.parentElement.textContent : "";
    }

    function address() {
      return "#" + new URLSearchParams(Object.entries(state).map(([name, value]) =>
        [name, String(value)]));
    }

    function say(name) {
      const [, values, spell] = SETTINGS[name], input = inputs[name];
      if (CHOICES.includes(name) || values === null) { input.value = String(state[name]); return; }
      input.value = String(values.indexOf(state[name]));
      input.setAttribute("aria-valuetext", spell(state[name]));
      find(`value-${name}`).textContent = spell(state[name]);
    }

    function changed(name, value) {
      state[name] = value;
      say(name);
      window.history.replaceState(null, "", address());
      tell(null);
      if (name === "k") { redraw(true); } else { restart(true); }
    }

    function control(name) {
      const [label, values, spell] = SETTINGS[name], choice = CHOICES.includes(name);
      const box = document.createElement("div"), text = document.createElement("label");
      const input = document.createElement(choice ? "select" : "input");
      input.id = text.htmlFor = `live-${name}`;
      text.textContent = label;
      if (choice) {
        input.append(...values.map((value) => new Option(spell(value), String(value))));
        input.addEventListener("change", () => changed(name, accept(name, input.value)));
      } else if (values === null) {
        Object.assign(input, { type: "number", min: "0", max: "999999999", step: "1" });
        input.addEventListener("change", () => { changed(name, accept(name, input.value)); });
      } else {
        Object.assign(input, { type: "range", min: "0", max: String(values.length - 1), step: "1" });
        const output = document.createElement("output");
        output.dataset.live = `value-${name}`;
        output.htmlFor = input.id;
        text.append(": ", output);
        input.addEventListener("input", () => changed(name, values[Number(input.value)]));
      }
      inputs[name] = input;
      box.append(text, input);
      return box;
    }

    // ---- training -------------------------------------------------------------------------------

    function restart(go) {
      const [, frequencies, amplitudes, phases] = TARGETS[state.f];
      const width = Math.min(state.m, WIDEST[state.d]);
      run += 1;
      about = null;
      history = [];
      shown = null;
      frames = [];
      find("note").textContent = width < state.m
        ? `With two hidden layers the page trains at most ${width} units a layer.` : "";
      worker.postMessage({
        kind: "start", run, setting: {
          width, depth: state.d, activation: state.a, samples: state.n, seed: state.s,
          step: state.h, first: FIRST, horizon: state.T,
          target: { frequencies, phases, amplitudes: amplitudes.map((each) => each * state.x) },
        },
      });
      going = false;
      if (go) { proceed(!calm); } else { press(); }
    }

    function proceed(paced) {
      going = true;
      begun = true;
      find("status").textContent = "";
      worker.postMessage({ kind: "go", paced });
      press();
    }

    function pause() {
      going = false;
      worker.postMessage({ kind: "pause" });
      press();
      conclude("Paused at");
    }

    function press() {
      find("go").textContent = going ? "Pause" : "Train";
    }

    worker.onmessage = function ({ data }) {
      if (data.run !== run) { return; }
      if (data.kind === "started") { about = data; }
      if (data.kind === "seen") {
        const last = history.length - 1, following = shown === null || shown === last;
        const close = last > 0 && data.t < history[last - 1].t * APART;
        if (close) { history[last] = data; } else { history.push(data); }
        if (following) { shown = history.length - 1; }
        redraw(!going);
      }
      if (data.kind === "end" || data.kind === "broken") {
        going = false;
        press();
        redraw(true);
        conclude(data.kind === "end" ? "Trained until" : "Training has left all bounds, soon after");
      }
    };

    // ---- what is seen ---------------------------------------------------------------------------

    function number(value) {
      if (!Number.isFinite(value)) { return "–"; }
      const text = Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 || value === 0
        ? String(Number(value.toPrecision(3))) : value.toExponential(2);
      const [digits, exponent] = text.split("e");
      const raised = exponent === undefined ? "" : "·10" + exponent.replace("+", "")
        .replace("-", "⁻").replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
      return digits.replace("-", "−") + raised;
    }

    const chosen = () => TARGETS[state.f][1];
    const ideal = (j, t) => history[0].norms[j] * Math.exp(-about.byFrequency[j] * t);

    // Both sides at some index of the history, with the ε̂ of all of it.
    function sides(index) {
      const { t, projected, total } = history[index], { epsilon } = history[history.length - 1];
      const sigma = about.eigenvalues[state.k - 1];
      const damping = math.damping(sigma, t);
      return {
        left: projected[state.k - 1], right: damping ** 2 * epsilon, total, whole: t * t * epsilon,
      };
    }

    function conclude(words) {
      if (shown === null || about === null) { return; }
      const now = history[shown];
      const learned = chosen().filter((j) => now.norms[j] < 0.1 * history[0].norms[j]);
      find("status").textContent = `${words} t = ${number(now.t)}. Frequencies learned to a tenth: `
        + `${learned.length ? learned.join(", ") : "none"}; least ε so far ${number(now.epsilon)}; `
        + `the kernel has moved by ${number(100 * now.moved / about.size)} % of its norm.`;
    }

    // Draws at the next frame; who wants less motion sees one a second, and what is asked for at once.
    function redraw(atOnce) {
      urgent = urgent || atOnce;
      if (waiting || (calm && !urgent && performance.now() - drawnAt < CALM)) { return; }
      waiting = true;
      requestAnimationFrame(show);
    }

    function show(now) {
      const all = urgent || now - readAt > READING;
      waiting = urgent = false;
      drawnAt = performance.now();
      if (about === null || shown === null) { return; }
      frames.push(now);
      while (frames[0] < now - 1000) { frames.shift(); }
      charts();
      if (all) { readAt = now; numbers(now); }
    }

    function charts() {
      const times = history.map(({ t }) => t), at = history[shown].t;
      const along = { log: true, limits: [FIRST, state.T], title: "time t" };
      const q = about.target.length;
      const angles = Array.from({ length: q + 1 }, (_, i) => 2 * Math.PI * i / q);
      const around = (values) => angles.map((_, i) => values[i % q] + about.target[i % q]);
      const target = around(new Float64Array(q)), high = Math.max(...target);
      const low = Math.min(...target), height = high - low;
      const [c0, c1, c2, c3, c4] = colours.curves, colour = (i) => [c0, c1, c2, c3, c4][i];
      draw(find("function"), colours, {
        x: { limits: [0, 2 * Math.PI], title: "angle", labels: [[0, "0"], [Math.PI / 2, "π/2"],
          [Math.PI, "π"], [3 * Math.PI / 2, "3π/2"], [2 * Math.PI, "2π"]] },
        y: { limits: [low - 0.3 * height, high + 0.15 * height], title: "f(x)" },
        curves: [
          { x: angles, y: target, colour: colours.text, line: "dotted" },
          { x: angles, y: around(history[shown].ideal), colour: c1, line: "dashed" },
          { x: angles, y: around(history[shown].residual), colour: c0, line: "solid" },
        ],
        points: about.sample === null ? null
          : { x: about.sample, y: about.sample.map(() => low - 0.26 * height), colour: colours.text },
      });
      const modes = chosen();
      const first = Math.max(...modes.map((j) => history[0].norms[j]));
      draw(find("frequencies"), colours, {
        x: along, at,
        y: { log: true, limits: decades([first, first / 500], 5), title: "norm of the projection" },
        curves: modes.flatMap((j, i) => [
          { x: times, y: history.map(({ norms }) => norms[j]), colour: colour(i), line: "solid" },
          { x: times, y: times.map((t) => ideal(j, t)), colour: colour(i), line: "dashed" },
        ]),
      });
      const later = history.slice(1), after = times.slice(1);
      const both = later.map((_, i) => sides(i + 1));
      const curve = (name, of, line) =>
        ({ x: after, y: both.map((each) => each[name]), colour: of, line });
      draw(find("sides"), colours, {
        x: along, at,
        y: { log: true, title: "square of the L²(ρ) norm",
          limits: decades(both.flatMap((each) => Object.values(each)), 9) },
        curves: [curve("right", c0, "dashed"), curve("left", c0, "solid"),
          curve("whole", c1, "dashed"), curve("total", c1, "solid")],
      });
      const looks = later.filter(({ t, lookedAt }) => t === lookedAt);
      const moved = looks.map((each) => each.moved / about.size), level = about.offStart / about.size;
      draw(find("kernel"), colours, {
        x: along, at,
        y: { log: true, limits: decades([...moved, level], 8), title: "share of ‖K₀‖" },
        curves: [
          { x: looks.map(({ t }) => t), y: moved, colour: c2, line: "solid" },
          { x: along.limits, y: [level, level], colour: colours.text, line: "dashed" },
        ],
      });
    }

    function numbers(now) {
      const seen = history[shown], slider = find("time");
      find("epsilon").textContent = number(seen.epsilon);
      find("moved").textContent = number(seen.moved);
      find("off").textContent = number(about.offStart);
      find("speed").textContent = Number.isFinite(seen.speed) ? String(Math.round(seen.speed)) : "–";
      find("frames").textContent = frames.length > 1
        ? String(Math.round(1000 * (frames.length - 1) / (now - frames[0]))) : "–";
      find("shown").textContent = number(seen.t);
      slider.max = String(history.length - 1);
      slider.value = String(shown);
      slider.setAttribute("aria-valuetext", number(seen.t));
      find("key").replaceChildren(...chosen().map((j, i) => {
        const item = document.createElement("li"), mark = document.createElement("span");
        mark.style.borderTopColor = colours.curves[i];
        item.append(mark, String(j));
        return item;
      }));
      find("rows").replaceChildren(...chosen().map((j) => {
        const row = document.createElement("tr"), head = document.createElement("th");
        head.scope = "row";
        head.textContent = String(j);
        row.append(head, ...[about.byFrequency[j], history[0].norms[j], seen.norms[j], ideal(j, seen.t)]
          .map((value) => {
            const cell = document.createElement("td");
            cell.textContent = number(value);
            return cell;
          }));
        return row;
      }));
    }

    function paint() {
      const style = getComputedStyle(root);
      const get = (name) => style.getPropertyValue(`--live-${name}`).trim();
      colours = {
        text: get("text"), grid: get("grid"), font: style.fontFamily,
        curves: [0, 1, 2, 3, 4].map((i) => get(`curve-${i}`)),
      };
      redraw(true);
    }

    // ---- the page -------------------------------------------------------------------------------

    for (const name of Object.keys(SETTINGS)) { find("controls").append(control(name)); }
    find("go").addEventListener("click", function () {
      const ended = history.length > 0 && history[history.length - 1].t >= state.T * (1 - 1e-9);
      if (going) { pause(); } else if (ended) { restart(true); } else { proceed(!calm); }
    });
    find("end").addEventListener("click", () => proceed(false));
    find("again").addEventListener("click", () => restart(true));
    find("draw").addEventListener("click", () => changed("s", (state.s + 1) % 1e9));
    find("time").addEventListener("input", function (event) {
      shown = Number(event.target.value);
      if (going) { pause(); }
      redraw(true);
    });
    find("link").addEventListener("click", async function () {
      const link = window.location.href.split("#")[0] + address();
      window.history.replaceState(null, "", address());
      try {
        await navigator.clipboard.writeText(link);
        find("status").textContent = "The link to these settings is copied.";
      } catch {
        find("status").textContent = "The address of this page now holds these settings: copy it.";
      }
    });
    function open() {
      read();
      Object.keys(SETTINGS).forEach(say);
      restart(begun || !calm);
    }
    window.addEventListener("hashchange", open);
    new ResizeObserver(() => redraw(true)).observe(root);
    new MutationObserver(paint).observe(document.documentElement,
      { attributes: true, attributeFilter: ["data-theme"] });
    // On a phone they would fill the screen before anything is seen.
    find("settings").open = window.innerWidth > 576;
    root.hidden = false;
    document.documentElement.classList.add("live-alive");
    paint();
    open();
  }

  window.addEventListener("DOMContentLoaded", function () {
    for (const root of document.querySelectorAll("[data-ntklib-live]")) { start(root); }
  });
})();
