"use strict";
(() => {
  const details = JSON.parse(document.getElementById("data").textContent);
  const panel = document.getElementById("detail");
  const byId = (id) => document.getElementById(id);
  let chosen = null;

  const element = (name, text) => {
    const e = document.createElement(name);
    e.textContent = text;
    return e;
  };

  function choose(mark, focus) {
    const d = details[mark.id];
    if (chosen) chosen.setAttribute("aria-pressed", "false");
    chosen = mark;
    mark.setAttribute("aria-pressed", "true");
    const list = document.createElement("dl");
    for (const [name, value] of d.facts) list.append(element("dt", name), element("dd", value));
    const parts = [element("h2", d.head), list];
    if (d.why.length) {
      const why = document.createElement("ul");
      for (const line of d.why) why.append(element("li", line));
      parts.push(why);
    }
    const close = element("button", "Close");
    close.addEventListener("click", () => { panel.hidden = true; mark.focus(); });
    panel.replaceChildren(...parts, close);
    panel.hidden = false;
    mark.scrollIntoView({block: "center"});
    history.replaceState(null, "", "#" + mark.id);
    if (focus) mark.focus();
  }

  const strips = () => [...document.querySelectorAll("#history tbody tr")].filter((row) => !row.hidden);

  function move(mark, key) {
    const marks = [...mark.closest(".strip").querySelectorAll(".mark")];
    const at = marks.indexOf(mark);
    if (key === "ArrowLeft") return marks[at - 1];
    if (key === "ArrowRight") return marks[at + 1];
    const rows = strips();
    const row = rows[rows.indexOf(mark.closest("tr")) + (key === "ArrowDown" ? 1 : -1)];
    return row && (row.querySelector(`.mark[data-run="${mark.dataset.run}"]`) || row.querySelector(".mark"));
  }

  byId("history").addEventListener("click", (event) => {
    const mark = event.target.closest(".mark");
    if (mark) choose(mark, false);
  });
  byId("history").addEventListener("keydown", (event) => {
    const mark = event.target.closest(".mark");
    if (!mark || !event.key.startsWith("Arrow")) return;
    const next = move(mark, event.key);
    if (next) { event.preventDefault(); next.focus(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) { panel.hidden = true; chosen.focus(); }
  });

  function filter() {
    const text = byId("find").value.toLowerCase(), only = byId("only").value;
    let shown = 0;
    for (const row of document.querySelectorAll("tr[data-find]")) {
      const is = (!text || row.dataset.find.toLowerCase().includes(text)) && (!only || row.dataset.assessment === only);
      row.hidden = !is;
      if (is && row.closest("#history")) shown++;
    }
    byId("shown").textContent = shown + " shown";
  }
  byId("find").addEventListener("input", filter);
  byId("only").addEventListener("change", filter);
  byId("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  });
  for (const e of document.querySelectorAll("[data-script]")) e.hidden = false;
  const linked = location.hash && byId(location.hash.slice(1));
  if (linked && linked.classList.contains("mark")) choose(linked, true);
  if (linked && linked.tagName === "DETAILS") linked.open = true;
})();
