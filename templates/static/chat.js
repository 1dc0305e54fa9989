// The page without this script is a form that works. With it, replies come by themselves and nothing typed is lost.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const log = at("log"), view = log.parentElement, form = at("form"), text = at("text"), key = at("key"), notice = at("notice"), end = at("end");
  let cursor = Number(log.dataset.cursor), waiting = null, source = null;

  const toEnd = () => end.scrollIntoView({ block: "end" });
  // A reply longer than the window is read from its beginning.
  const toLine = (line) => line.offsetHeight > Math.min(view.clientHeight, innerHeight * 0.7) ? line.scrollIntoView({ block: "start" }) : toEnd();
  // Whoever reads the end still sees it when the keyboard comes up or the telephone is turned.
  let atEnd = true;
  view.addEventListener("scroll", () => { atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 80; }, { passive: true });
  new ResizeObserver(() => { if (atEnd) toEnd(); }).observe(view);
  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(9)), (n) => n.toString(16).padStart(2, "0")).join("");

  function show(author, fill) {
    const line = document.createElement("div"), who = document.createElement("p"), words = document.createElement("div");
    line.className = "line " + author;
    who.className = "who";
    who.textContent = { resident: "您", assistant: "助手", officer: "工作人员" }[author] || "助手";
    words.className = "words";
    fill(words);
    line.append(who, words);
    log.insertBefore(line, end);
    toLine(line);
    return line;
  }

  function expectReply() {
    if (!waiting) {
      waiting = show("assistant", (words) => { words.textContent = "正在看您说的话……"; });
      waiting.classList.add("waiting");
    }
  }

  function listen() {
    source = new EventSource("/events?after=" + cursor);
    source.onmessage = (event) => {
      const reply = JSON.parse(event.data), number = Number(event.lastEventId);
      if (number <= cursor) return;
      cursor = number;
      if (waiting) { waiting.remove(); waiting = null; }
      show(reply.author, (words) => { words.innerHTML = reply.html; });
    };
  }

  async function send(words) {
    notice.textContent = "";
    const body = new URLSearchParams({ text: words, key: key.value });
    let response;
    try {
      response = await fetch("/messages", { method: "POST", body, headers: { Accept: "application/json" } });
    } catch {
      notice.textContent = "网络断了，这句话还没有发出去。您写的还在，请过一会儿再按“发送”。急事请打110、120。";
      return false;
    }
    if (!response.ok) {
      const said = await response.json().catch(() => ({}));
      notice.textContent = said.error || "没有发出去，请再按一次“发送”。急事请打110、120。";
      return false;
    }
    key.value = newKey();
    show("resident", (element) => { element.textContent = words; element.style.whiteSpace = "pre-wrap"; });
    expectReply();
    if (!source || source.readyState === EventSource.CLOSED) listen();
    return true;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = text.value;
    if (!words.trim()) { notice.textContent = "您还没有写字。写一两句您的难处，再按“发送”。"; return; }
    at("send").disabled = true;
    if (await send(words)) text.value = "";
    at("send").disabled = false;
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
  });

  const person = at("person"), larger = at("larger");
  person.hidden = larger.hidden = false;
  person.addEventListener("click", () => send("转人工"));
  larger.addEventListener("click", () => {
    const on = document.documentElement.classList.toggle("larger");
    larger.setAttribute("aria-pressed", String(on));
    toLine(end.previousElementSibling);
  });

  // Quick exit: what is on the page goes at once, the browser forgets us, and “back” does not bring it back.
  at("leave").addEventListener("click", (event) => {
    event.preventDefault();
    document.body.replaceChildren();
    document.title = "便民电话";
    fetch("/leave", { method: "POST", keepalive: true, redirect: "manual" }).finally(() => location.replace("/leave"));
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  listen();
  if (cursor) toLine(end.previousElementSibling);
})();
