"use strict";
// The page is whole without this: it adds sorting and filtering of the events, and opens what is to be printed.
(() => {
  const table = document.getElementById("events");
  if (table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const value = (row, column) => {
      const text = row.cells[column].dataset.v;
      return text === "" ? NaN : Number(text);
    };
    const sort = (column) => {
      const up = heads[column].getAttribute("aria-sort") !== "ascending";
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return up ? x - y : y - x;
      });
      body.append(...rows);
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(column));
      head.replaceChildren(button);
    });
    const kind = document.getElementById("filter-kind");
    const sure = document.getElementById("filter-confident");
    const filter = () => {
      let shown = 0;
      for (const row of body.rows) {
        row.hidden = (kind.value !== "" && row.dataset.kind !== kind.value) || (sure.checked && row.cells[2].dataset.v !== "1");
        shown += row.hidden ? 0 : 1;
      }
      document.getElementById("filter-shown").textContent = `${shown} of ${body.rows.length} shown`;
    };
    kind.addEventListener("change", filter);
    sure.addEventListener("change", filter);
    document.querySelector(".filters").hidden = false;
    filter();
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
