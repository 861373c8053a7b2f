// Figures of ntklib.interactive: plotly.js draws what the page holds as JSON, sliders choose the
// rows. Before that, without plotly.js, and on paper, the picture that the page holds too stays in its place.
(function () {
  "use strict";

  const HEADER = 80;
  const LEAST = 400;
  // Black lines would not be seen on the dark theme's ground.
  const DARK = {"#000000": "#dddddd", "rgba(0,0,0,0.2)": "rgba(221,221,221,0.2)"};
  const BORDER = {solid: "solid", dash: "dashed", dot: "dotted"};

  // The colours of one theme: a layout's, and what a trace's own are in it.
  function theme(layout) {
    const dark = document.documentElement.dataset.theme === "dark";
    const colour = dark ? "#dddddd" : "#222222";
    const found = {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": colour};
    Object.keys(layout).filter((name) => /^[xy]axis/.test(name)).forEach(function (given) {
      const name = given.replace(/1$/, "");  // as plotly calls the first axis
      found[name + ".gridcolor"] = dark ? "#444444" : "#e5e5e5";
      found[name + ".linecolor"] = found[name + ".tickcolor"] = dark ? "#aaaaaa" : "#444444";
    });
    return {layout: found, of: (own) => (dark && DARK[own]) || own};
  }

  // The page's own legend: plotly's takes its place from the plots, on a phone most of it.
  function legend(traces, of) {
    const list = document.createElement("ul");
    list.className = "key";
    traces.filter((trace) => trace.showlegend).forEach(function (trace) {
      const item = list.appendChild(document.createElement("li"));
      const mark = item.appendChild(document.createElement("span"));
      mark.className = trace.mode;
      mark.style.border = "0 " + BORDER[trace.line.dash] + " " + of(trace.line.color);
      item.append(trace.name);
    });
    return list;
  }

  const quoted = (value) => `"${String(value).replace(/"/g, '""')}"`;

  // All that a figure can show, with what it is and where it is from: a row a point of a curve, or of
  // the edge of a band. A slider that a curve doesn't depend on is left empty.
  function table(figure, content, sliders) {
    const names = sliders.map((slider) => JSON.parse(slider.dataset.values));
    const labels = sliders.map((slider) => slider.labels[0].textContent.split(": ")[0]);
    const said = figure.querySelector(".live").getAttribute("aria-label");
    const from = window.location.pathname.split("/").pop() + "#" + figure.id;
    const source = document.querySelector('meta[name="ntklib-source"]').content;
    const lines = [document.title, said, from, source, "CC BY 4.0"].map((line) => "# " + line);
    lines.push(["panel", "curve", "part", ...labels, "x", "y"].map(quoted).join(","));
    for (const {trace, rows, strides} of content.traces) {
      const panel = content.layout[trace.yaxis.replace("y", "yaxis")].title.text;
      const part = trace.line.width === 0 ? "edge of the band" : "curve";
      rows.forEach(function (row, index) {
        const at = strides.map((stride, axis) =>
          (stride ? names[axis][Math.floor(index / stride) % names[axis].length] : ""));
        const first = [panel, trace.name, part, ...at].map(quoted);
        row.forEach((y, i) => lines.push([...first, trace.x[i], y === null ? "" : y].join(",")));
      });
    }
    return lines.join("\n") + "\n";
  }

  function offer(figure, content, sliders) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "data";
    button.textContent = "Data as CSV";
    button.addEventListener("click", function () {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(
        new Blob([table(figure, content, sliders)], {type: "text/csv"}));
      link.download = figure.id + ".csv";
      link.click();
    });
    figure.append(button);
  }

  function start(figure) {
    const content = JSON.parse(figure.querySelector("script").textContent);
    const plot = figure.querySelector(".live");
    const controls = figure.querySelector(".controls");
    const sliders = Array.from(controls.querySelectorAll("input"));

    function heights(trace) {
      const place = (sum, slider, axis) => sum + Number(slider.value) * trace.strides[axis];
      return trace.rows[sliders.reduce(place, 0)];
    }

    const moving = content.traces.map((trace, index) => (trace.rows.length > 1 ? index : -1))
      .filter((index) => index >= 0);

    function move(event) {
      const slider = event.target;
      const name = JSON.parse(slider.dataset.values)[Number(slider.value)];
      document.getElementById(slider.id + "-value").textContent = name;
      slider.setAttribute("aria-valuetext", name);
      const rows = moving.map((index) => heights(content.traces[index]));
      Plotly.restyle(plot, {y: rows}, moving);
    }

    figure.classList.add("alive");
    plot.hidden = controls.hidden = false;
    const traces = content.traces.map((trace) => ({...trace.trace, y: heights(trace)}));
    let key = legend(traces, theme(content.layout).of);
    plot.before(key);
    // So that the plots and their sliders fit on the screen together, below the site's header.
    const room = window.innerHeight - HEADER - controls.offsetHeight - key.offsetHeight;
    plot.style.height = Math.min(parseFloat(plot.style.height), Math.max(LEAST, room)) + "px";
    // One tick a decade collides where there are many.
    Object.values(content.layout).filter((axis) => axis && axis.dtick).forEach(function (axis) {
      axis.dtick = Math.ceil((axis.range[1] - axis.range[0]) / 6);
    });
    const layout = {...content.layout, showlegend: false, margin: {...content.layout.margin, t: 28}};
    Plotly.newPlot(plot, traces, layout,
      {responsive: true, displayModeBar: false, scrollZoom: false});
    sliders.forEach((slider) => slider.addEventListener("input", move));
    offer(figure, content, sliders);

    function paint() {
      const {layout: colours, of} = theme(content.layout);
      const own = (name) => traces.map((trace) => of(name(trace)) || null);
      Plotly.update(plot, {
        "line.color": own((trace) => trace.line.color),
        "marker.color": own((trace) => trace.marker.color), fillcolor: own((trace) => trace.fillcolor),
      }, colours);
      const painted = legend(traces, of);
      key.replaceWith(painted);
      key = painted;
    }

    paint();
    new MutationObserver(paint).observe(document.documentElement,
      {attributes: true, attributeFilter: ["data-theme"]});
  }

  // plotly.js is larger than all else of a page together, and what it draws first is what the picture
  // shows. So it is loaded when the reader does anything, of which some of these tell.
  const SIGNS = ["pointermove", "pointerdown", "touchstart", "wheel", "scroll", "keydown", "focusin"];

  function load() {
    SIGNS.forEach((sign) => window.removeEventListener(sign, load));
    const waiting = document.querySelector('script[type="text/later"]');
    if (!waiting) { return; }
    const script = document.createElement("script");
    script.addEventListener("load", function () {
      document.querySelectorAll("[data-ntklib-plotly]").forEach(start);
    });
    script.src = waiting.src;
    document.head.append(script);
  }

  window.addEventListener("load", function () {
    SIGNS.forEach((sign) => window.addEventListener(sign, load, {passive: true}));
  });
})();
