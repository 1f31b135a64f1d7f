// Comfort only: the page is complete without it. Sorts the table, leads from a bar to its row, prints.
// Keeps nothing: in an EHR's frame even touching web storage fails.

const table = document.getElementById("rows");

// On paper nothing can be opened: what is folded up is printed too.
const folded = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) {
    one.open = true;
    folded.push(one);
  }
});
addEventListener("afterprint", () => {
  for (const one of folded.splice(0)) one.open = false;
});

const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

if (table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];

  const value = (row, column, kind) => {
    const text = row.cells[column].dataset.v ?? "";
    return kind === "number" && text !== "" ? Number(text) : text;
  };

  const sort = (head, column, kind) => {
    const down = head.getAttribute("aria-sort") !== "descending";
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [value(a, column, kind), value(b, column, kind)];
      if (x === y) return 0;
      if (x === "") return 1; // what is not reported stays last, whichever way
      if (y === "") return -1;
      const order = kind === "text" ? String(x).localeCompare(String(y)) : x < y ? -1 : 1;
      return down ? -order : order;
    });
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  };

  heads.forEach((head, column) => {
    const kind = head.dataset.sort;
    if (!kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head, column, kind));
    head.replaceChildren(button);
  });
  heads[0].setAttribute("aria-sort", "descending");

  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const supply of document.querySelectorAll(".supply")) {
    const row = document.getElementById(`row-${supply.dataset.row}`);
    if (!row) continue;
    supply.classList.add("leads");
    supply.addEventListener("click", () => {
      for (const other of body.querySelectorAll(".here")) other.classList.remove("here");
      row.classList.add("here");
      row.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
    });
    row.addEventListener("mouseenter", () => supply.classList.add("lit"));
    row.addEventListener("mouseleave", () => supply.classList.remove("lit"));
  }
}
