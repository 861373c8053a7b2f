// Lets two buttons of the theme be called what they show: speech control goes by what it can read.
// The search button shows a shortcut too, and the symbols of the colour button have hidden titles.
(function () {
  "use strict";

  function mend() {
    for (const button of document.querySelectorAll(".search-button-field")) {
      button.removeAttribute("aria-label");
    }
    for (const symbol of document.querySelectorAll(".theme-switch-button :is(i, svg)")) {
      ["title", "aria-labelledby", "role"].forEach((name) => symbol.removeAttribute(name));
      symbol.setAttribute("aria-hidden", "true");
      symbol.querySelector("title")?.remove();
    }
  }

  document.addEventListener("DOMContentLoaded", function () {
    mend();
    // The theme exchanges symbols for pictures at a time of its own, maybe after the page has loaded.
    for (const button of document.querySelectorAll(".theme-switch-button")) {
      new MutationObserver(mend).observe(button, { childList: true, subtree: true });
    }
  });
  window.addEventListener("load", mend);
})();
