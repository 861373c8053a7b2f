// A reader who begins to write a prediction doesn't see the result until asking for it.
(function () {
  "use strict";

  // What a question is about: the outputs up to the next figure, within its section.
  const END = "main h2, [data-ntklib-predict]";

  function results(field) {
    const following = (each) =>
      field.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING;
    const found = [];
    for (const each of document.querySelectorAll(`main .cell_output, ${END}`)) {
      if (!following(each)) { continue; }
      if (each.matches(END)) { break; }
      found.push(each);
      if (each.querySelector("figure")) { break; }
    }
    return found;
  }

  function start(field) {
    const text = field.querySelector("textarea"), button = field.querySelector("button");
    const covered = results(field), said = document.createElement("p");
    if (covered.length === 0) { return; }
    said.className = "predicted";
    said.tabIndex = -1;

    function cover(whether) {
      for (const each of covered) { each.classList.toggle("covered", whether); }
    }

    text.addEventListener("input", function () {
      const written = text.value.trim() !== "";
      said.remove();
      button.hidden = !written;
      cover(written);
    });
    button.addEventListener("click", function () {
      cover(false);
      said.textContent = `You predicted: ${text.value.trim()}`;
      covered[covered.length - 1].before(said);
      said.focus();
      said.scrollIntoView({ block: "center" });
    });
    field.hidden = false;
  }

  window.addEventListener("DOMContentLoaded", function () {
    for (const field of document.querySelectorAll("[data-ntklib-predict]")) { start(field); }
  });
})();
