// A box that scrolls sideways can be reached with the Tab key as long as there is more to see, so
// that the arrow keys scroll it. The theme sees to boxes of code, outputs and tables. Until its end
// is in sight a class says so, for a sign to readers without scroll bars (companion.css).
(function () {
  "use strict";

  const SLACK = 12;  // pixels by which letters stand out of a box that holds all of a formula
  const BOXES = "span.math, div.math, div.math mjx-container, .bd-article figure:has(> img)";

  function tell(box) {
    const end = box.scrollLeft + box.clientWidth >= box.scrollWidth - SLACK;
    box.classList.toggle("goes-on", box.classList.contains("scrolls") && !end);
  }

  function update() {
    for (const box of document.querySelectorAll(BOXES)) {
      const wide = box.scrollWidth > box.clientWidth + SLACK;
      box.classList.toggle("scrolls", wide);
      if (wide) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
      box.onscroll = wide ? () => tell(box) : null;
      tell(box);
    }
  }

  window.addEventListener("load", function () {
    const formulas = window.MathJax && MathJax.startup ? MathJax.startup.promise : null;
    Promise.resolve(formulas).then(function () {
      new ResizeObserver(update).observe(document.querySelector("main"));
    });
  });
})();
