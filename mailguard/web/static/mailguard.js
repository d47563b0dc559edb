// Every page works without this: it only counts down, and looks again when the mail changed.
"use strict";

const started = performance.now();
let stream = null;

function countDown() {
  for (const clock of document.querySelectorAll("[data-left]")) {
    const left = Math.max(0, Math.round(Number(clock.dataset.left) - (performance.now() - started) / 1000));
    if (left >= 3600) continue; // "in 3 hours", as the server wrote it, is true long enough
    const minutes = Math.floor(left / 60);
    clock.textContent = `${minutes}:${String(left % 60).padStart(2, "0")}`;
  }
}

// Whoever has begun to tick or to write keeps the page as it is.
function touched() {
  const fields = document.querySelectorAll("main input:not([type=hidden]), main textarea");
  return document.activeElement?.closest("main form") != null
    || [...fields].some((field) => field.checked || (field.type !== "checkbox" && field.type !== "radio" && field.value));
}

function tell(headline) {
  const note = document.getElementById("changed");
  const fact = document.querySelector("h1");
  if (note) note.hidden = false;
  if (fact && headline) fact.textContent = headline;
}

function follow() {
  const main = document.querySelector("main[data-events]");
  if (!main || stream || document.hidden) return;
  stream = new EventSource(main.dataset.events);
  stream.onmessage = (event) => {
    const now = JSON.parse(event.data);
    if (now.pulse === main.dataset.pulse) return;
    main.dataset.pulse = now.pulse;
    if (touched()) tell(now.headline);
    else location.replace(main.dataset.page); // not reload: this may be the answer to a form
  };
}

// A browser opens six connections to a server, and a page nobody looks at should hold none of them.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream?.close(); stream = null; } else follow();
});

// On a list j and k go from mail to mail, as in mail programs; Enter opens, as on every link.
document.addEventListener("keydown", (event) => {
  const step = { j: 1, k: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
  const links = [...document.querySelectorAll("[data-step]")];
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
});

if (document.querySelector("[data-left]")) { countDown(); setInterval(countDown, 1000); }
follow();
