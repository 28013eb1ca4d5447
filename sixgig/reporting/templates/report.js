"use strict";
// Click on a column's title to sort by it; the rows of the page are all there is, nothing is loaded.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
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
// Filter the rows of long tables by what they name: an arm, a classifier, or any text.
const words = document.body.dataset;
for (const table of document.querySelectorAll("table.sortable")) {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length < 8) continue;
  const bar = document.createElement("div");
  bar.className = "filter";
  const count = document.createElement("span");
  const chosen = {};
  const show = () => {
    let shown = 0;
    for (const row of rows) {
      const kept = Object.entries(chosen).every(([name, value]) => !value || (name === "text"
        ? row.textContent.toLowerCase().includes(value)
        : (row.dataset[name] || "").split("|").includes(value)));
      row.hidden = !kept;
      shown += kept;
    }
    count.textContent = shown === rows.length ? "" : words.shown.replace("{shown}", shown).replace("{all}", rows.length);
  };
  for (const [name, all] of [["arm", words.allArms], ["classifier", words.allClassifiers]]) {
    const values = [...new Set(rows.flatMap((row) => (row.dataset[name] || "").split("|")).filter(Boolean))];
    if (values.length < 2) continue;
    const select = document.createElement("select");
    select.setAttribute("aria-label", all);
    select.append(new Option(all, ""), ...values.map((value) => new Option(value, value)));
    select.addEventListener("change", () => { chosen[name] = select.value; show(); });
    bar.append(select);
  }
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = words.search;
  search.setAttribute("aria-label", words.search);
  search.addEventListener("input", () => { chosen.text = search.value.trim().toLowerCase(); show(); });
  bar.append(search, count);
  table.closest(".scroll").before(bar);
}
// A mark of a plot says what it stands for when the pointer is on it, or when it has the focus.
const tip = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "status");
tip.hidden = true;
document.body.append(tip);
const tell = (event) => {
  const mark = event.target.closest && event.target.closest(".tells");
  tip.hidden = !mark;
  if (!mark) return;
  const title = mark.querySelector("title");
  mark.setAttribute("aria-label", title.textContent);
  tip.textContent = title.textContent;
  const place = mark.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 4)) + "px";
  tip.style.top = (place.top > tip.offsetHeight + 12 ? place.top - tip.offsetHeight - 8 : place.bottom + 8) + "px";
};
for (const kind of ["mouseover", "focusin", "click"]) document.addEventListener(kind, tell);
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
// A link into a fold opens it.
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();
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
