"use strict";
// Click on a column's title to sort by it; the rows of the page are all there is, nothing is loaded.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const rows = Array.from(body.rows);
      const key = (row) => {
        const cell = row.cells[column];
        return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort.replace("inf", "Infinity"));
      };
      const numeric = rows.some((row) => typeof key(row) === "number");
      const down = head.getAttribute("aria-sort") === (numeric ? "descending" : "ascending") ? numeric ? 1 : -1 : numeric ? -1 : 1;
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down === 1 ? "ascending" : "descending");
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        // A missing number stands last in either direction.
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
        return down * (typeof x === "number" ? x - y : x.localeCompare(y));
      });
      body.append(...rows);
    });
  });
}
// Print what is folded away, too, but for what only a screen is wide or long enough for.
const folded = new Set();
addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open]):not(.screen)").forEach((part) => { folded.add(part); part.open = true; });
});
addEventListener("afterprint", () => {
  folded.forEach((part) => { part.open = false; });
  folded.clear();
});
// The browser test reads this: the page may not be wider than the window.
const measure = () => {
  document.documentElement.dataset.overflow = String(Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth));
};
measure();
addEventListener("resize", measure);
