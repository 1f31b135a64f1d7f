// Asks for the cards of a chart's opening once the chart is there, so that nobody waits for them.
"use strict";

const advice = document.querySelector("[data-advice]");

async function ask() {
  const answer = await fetch(advice.dataset.advice);
  // Drawn and escaped by this EHR's own server; the page's policy runs no script in it.
  advice.innerHTML = answer.ok ? await answer.text() : "";
}

ask().catch(() => {
  advice.textContent = "";
});
