// Keeps a part of the page fresh, shows a waiting crisis in the window's title, and lets no form be sent twice. Everything works without it.
"use strict";

const EVERY = 3000;
const plainTitle = document.title;

function showTitle(part) {
  const holder = part.querySelector("[data-title]");
  if (!holder) return;
  document.title = holder.dataset.title + plainTitle;
  const announce = document.querySelector("[data-announce]");
  // Only a change is said aloud, not every refresh.
  if (announce && announce.dataset.said !== undefined && announce.dataset.said !== holder.dataset.say) announce.textContent = holder.dataset.say;
  if (announce) announce.dataset.said = holder.dataset.say;
}

function replace(part, html) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const atEnd = part.scrollHeight - part.scrollTop - part.clientHeight < 60;
  part.innerHTML = html;
  if (focused) document.getElementById(focused)?.focus();
  if ("scroll" in part.dataset && atEnd) part.scrollTop = part.scrollHeight;
  showTitle(part);
}

function keepFresh(part) {
  let last = null;
  if ("scroll" in part.dataset) part.scrollTop = part.scrollHeight;
  showTitle(part);
  const refresh = async () => {
    try {
      const answer = await fetch(part.dataset.poll, { credentials: "same-origin", cache: "no-store" });
      if (answer.redirected || answer.status === 403 || answer.status === 404) { location.reload(); return; }
      if (answer.ok) {
        const html = await answer.text();
        if (html !== last) replace(part, html);
        last = html;
      }
    } catch { /* the line is down for a moment: tried again */ }
    setTimeout(refresh, EVERY);
  };
  setTimeout(refresh, EVERY);
}

document.querySelectorAll("[data-poll]").forEach(keepFresh);

document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  if (button) setTimeout(() => { button.disabled = true; }, 0);
});
addEventListener("pageshow", () => document.querySelectorAll("button:disabled").forEach((button) => { button.disabled = false; }));
