// Shows the claims of one chapter, or of one verdict, in the figure and in the table.
(function () {
  "use strict";

  function start(figure) {
    const choices = figure.querySelector(".glance-choices");
    const chosen = Array.from(choices.querySelectorAll("select"));
    const rows = Array.from(figure.querySelectorAll("li[data-verdict]"));

    function choose() {
      let count = 0;
      for (const row of rows) {
        const shown = chosen.every(({ dataset, value }) =>
          value === "" || row.dataset[dataset.glance] === value);
        const target = document.getElementById(row.querySelector("a").hash.slice(1));
        row.hidden = target.closest("tr").hidden = !shown;
        count += shown;
      }
      for (const group of figure.querySelectorAll(".glance-chapter")) {
        group.hidden = group.querySelector("li:not([hidden])") === null;
      }
      choices.querySelector("[role=status]").textContent = `${count} of ${rows.length} claims`;
    }

    for (const select of chosen) { select.addEventListener("change", choose); }
    choices.hidden = false;
    choose();
  }

  window.addEventListener("DOMContentLoaded", function () {
    for (const figure of document.querySelectorAll("[data-ntklib-claims]")) { start(figure); }
  });
})();
