// Charts of the live page on canvases: axes, curves and a line at the time that is shown. Colours are
// the page's own (--live-… in live.css), so that they follow its theme.
function drawing() {
  "use strict";

  const FONT = 12;
  const MARGIN = { left: 46, right: 12, top: 22, bottom: 34 };
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const DASHES = { solid: [], dashed: [6, 4], dotted: [1.5, 3] };

  function power(exponent) {
    const digits = Array.from(String(Math.abs(exponent)), (digit) => SUPERSCRIPTS[digit]);
    return "10" + (exponent < 0 ? "⁻" : "") + digits.join("");
  }

  // Ticks as [value, label]: decades, or five or so round numbers.
  function ticks({ log, limits: [low, high], labels }) {
    if (labels) { return labels; }
    if (log) {
      const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
      const stride = Math.max(1, Math.ceil((last - first) / 6)), found = [];
      for (let e = first; e <= last; e += stride) { found.push([10 ** e, power(e)]); }
      return found;
    }
    const rough = (high - low) / 5, size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((each) => each * size >= rough) * size, found = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) {
      found.push([i * step, String(Number((i * step).toPrecision(6))).replace("-", "−")]);
    }
    return found;
  }

  // Draws {x, y, curves, points, at}: axes {limits, log, title, labels}; curves {x, y, colour, line}.
  function draw(canvas, colours, { x, y, curves, points = null, at = null }) {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
    const place = (axis, from, to) => {
      const scale = axis.log ? Math.log10 : Number;
      const low = scale(axis.limits[0]), share = (to - from) / (scale(axis.limits[1]) - low);
      return (value) => from + share * (scale(value) - low);
    };
    const across = place(x, MARGIN.left, right), up = place(y, bottom, MARGIN.top);

    pen.font = `${FONT}px ${colours.font}`;
    pen.lineWidth = 1;
    pen.fillStyle = colours.text;
    pen.strokeStyle = colours.grid;
    pen.setLineDash([]);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const [value, label] of ticks(x)) {
      line(pen, across(value), MARGIN.top, across(value), bottom);
      pen.fillText(label, across(value), bottom + 4);
    }
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const [value, label] of ticks(y)) {
      line(pen, MARGIN.left, up(value), right, up(value));
      pen.fillText(label, MARGIN.left - 5, up(value));
    }
    pen.textBaseline = "alphabetic";
    pen.fillText(x.title, right, height - 4);
    pen.textAlign = "left";
    pen.fillText(y.title, 2, FONT);

    pen.save();
    pen.beginPath();
    pen.rect(MARGIN.left, MARGIN.top, right - MARGIN.left, bottom - MARGIN.top);
    pen.clip();
    pen.lineWidth = 2;
    for (const curve of curves) {
      pen.strokeStyle = curve.colour;
      pen.setLineDash(DASHES[curve.line]);
      path(pen, curve, across, up);
    }
    pen.setLineDash([]);
    if (points !== null) {
      pen.fillStyle = points.colour;
      points.x.forEach((value, i) => {
        pen.beginPath();
        pen.arc(across(value), up(points.y[i]), 2.5, 0, 2 * Math.PI);
        pen.fill();
      });
    }
    if (at !== null) {
      pen.lineWidth = 1;
      pen.strokeStyle = colours.text;
      line(pen, across(at), MARGIN.top, across(at), bottom);
    }
    pen.restore();
  }

  function line(pen, x1, y1, x2, y2) {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  }

  function path(pen, { x, y }, across, up) {
    let drawn = false;
    pen.beginPath();
    for (let i = 0; i < y.length; i++) {
      const left = across(x[i]), high = up(y[i]);
      if (!Number.isFinite(left) || !Number.isFinite(high)) { drawn = false; continue; }
      if (drawn) { pen.lineTo(left, high); } else { pen.moveTo(left, high); }
      drawn = true;
    }
    pen.stroke();
  }

  // Limits of a logarithmic axis that hold all positive numbers given: whole decades, and not too
  // many.
  function decades(values, most) {
    let low = Infinity, high = 0;
    for (const each of values) {
      if (each > 0 && each < Infinity) { low = Math.min(low, each); high = Math.max(high, each); }
    }
    if (high === 0) { return [0.1, 1]; }
    const top = Math.ceil(Math.log10(high) + 0.05);
    const least = Math.max(Math.floor(Math.log10(low)), top - most);
    return [10 ** Math.min(least, top - 1), 10 ** top];
  }

  return { draw, decades };
}
