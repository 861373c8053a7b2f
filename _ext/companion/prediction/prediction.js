// A reader who begins to write a prediction doesn't see the result until asking for it.
(function () {
  "use strict";

  const RESULTS = "main figure, main .cell_output";

  function start(field) {
    const text = field.querySelector("textarea"), button = field.querySelector("button");
    // The first figure or output after the question.
    const result = Array.from(document.querySelectorAll(RESULTS)).find((each) =>
      field.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING);
    if (result === undefined) { return; }
    const said = document.createElement("p");
    said.className = "predicted";
    said.tabIndex = -1;

    text.addEventListener("input", function () {
      const written = text.value.trim() !== "";
      said.remove();
      button.hidden = !written;
      result.classList.toggle("covered", written);
    });
    button.addEventListener("click", function () {
      result.classList.remove("covered");
      said.textContent = `You predicted: ${text.value.trim()}`;
      result.before(said);
      said.focus();
      said.scrollIntoView({ block: "center" });
    });
    field.hidden = false;
  }

  window.addEventListener("DOMContentLoaded", function () {
    for (const field of document.querySelectorAll("[data-ntklib-predict]")) { start(field); }
  });
})();
