// Formulas come first, while all slides can be measured, which reveal.js hides but for one.
// On a phone it isn't started, and the slides are one page to scroll through.
(function () {
  "use strict";
  const loaded = new Promise((resolve) => window.addEventListener("load", resolve));
  const wide = window.matchMedia("(min-width: 700px)");
  let begun = false;

  // The caption of a tall figure has more room at its side.
  function place(image) {
    const tall = image.naturalWidth < 1.6 * image.naturalHeight;
    image.closest(".slide").classList.toggle("tall", tall);
  }

  // Smaller letters where a formula is too wide, or a text too long.
  function fit(content) {
    const slide = content.parentElement;
    const room = Math.min(1, content.clientWidth / content.scrollWidth,
      slide.clientHeight / slide.scrollHeight);
    content.style.fontSize = room * parseFloat(getComputedStyle(content).fontSize) + "px";
  }

  function begin() {
    const deck = document.querySelector(".reveal");
    begun = deck !== null && wide.matches;
    if (begun) {
      deck.querySelectorAll("img").forEach(place);
      deck.querySelectorAll(".content").forEach(fit);
      deck.classList.add("set");
      Reveal.initialize({
        width: 1280, height: 720, margin: 0, center: false, hash: true, slideNumber: "c/t",
        transition: "none", pdfMaxPagesPerSlide: 1,
      });
    }
    // Printing changes what matches, but not the window's size.
    window.addEventListener("resize", function () {
      if (deck !== null && begun !== wide.matches) { window.location.reload(); }
    });
  }

  window.MathJax = {
    chtml: {matchFontHeight: false},
    options: {menuOptions: {settings: {inTabOrder: false}}},
    startup: {pageReady: () => MathJax.startup.defaultPageReady().then(() => loaded).then(begin)},
  };
})();
