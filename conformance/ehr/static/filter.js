// Narrows the patient list while the user types. What is typed never leaves the page.
"use strict";

const input = document.getElementById("filter");
const rows = Array.from(document.querySelectorAll("#rows tr"));
const count = document.getElementById("count");
const none = document.getElementById("none");

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/,/g, " ");
const haystacks = rows.map((row) => plain(row.dataset.search));

function narrow() {
  const words = plain(input.value).split(/\s+/).filter(Boolean);
  let shown = 0;
  rows.forEach((row, i) => {
    const fits = words.every((word) => haystacks[i].includes(word));
    row.hidden = !fits;
    shown += fits ? 1 : 0;
  });
  none.hidden = shown > 0;
  count.textContent = words.length
    ? `${shown} of ${rows.length} patients`
    : `${rows.length} patient${rows.length === 1 ? "" : "s"}`;
}

if (input && none) {
  input.closest("[hidden]").hidden = false;
  input.addEventListener("input", narrow);
  narrow();
}
