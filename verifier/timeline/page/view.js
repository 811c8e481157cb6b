// The view: which trace, which time, which rows, what is selected. It stands in
// the address (location.hash), so that a link leads back to it.
const gutter = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--gutter")) || 190;

const ui = {
  t: null, number: 0, traces: new Map(), v: { t0: 0, t1: 1, width: 1 }, rows: [], folded: new Set(), row: "", sel: null, hover: null,
  query: "", pending: false, cursor: null,

  async open(number, hash) {
    ui.number = number;
    if (!ui.traces.has(number)) {
      const t = await load(number);
      performance.mark("read");
      prepare(t);
      performance.mark("arranged");
      ui.traces.set(number, t);
    }
    ui.t = ui.traces.get(number);
    $("trace").value = String(number);
    ui.folded = new Set(["g:objects"]);
    for (const o of ui.t.objects) ui.folded.add("s:objects:" + o.r);
    const many = ui.t.groups.filter((g) => g.kind === "cluster");
    if (many.length > 6) for (const g of many) if (!g.lanes.some((l) => l.pins.some((f) => f.level === "violated"))) ui.folded.add("g:" + g.label);
    ui.sel = null;
    ui.row = "";
    ui.span(0, ui.t.duration, true);
    await ui.restore(hash);
    const bad = ui.violation();
    $("first").classList.toggle("none", !bad || bad.level !== "violated");
    $("first").textContent = bad && bad.level === "violated" ? "First violation" : bad ? "First doubt" : "No finding";
    ui.relayout();
    if (!ui.sel) ui.panel(tracePanel(ui, ui.t), false);
  },

  // span sets what is seen, within the trace.
  span(t0, t1, quiet) {
    const whole = ui.t.duration, least = 10, room = whole * .02;
    let width = Math.min(Math.max(t1 - t0, least), whole + 2 * room);
    let from = Math.min(Math.max(t0, -room), whole + room - width);
    if (t0 === 0 && t1 === whole) { from = -whole * .005; width = whole * 1.01; }
    Object.assign(ui.v, { t0: from, t1: from + width });
    ui.draw();
    if (!quiet) ui.remember();
  },

  zoom(factor, x = ui.v.width / 2) {
    const at = usOf(ui.v, x);
    ui.span(at - (at - ui.v.t0) * factor, at + (ui.v.t1 - at) * factor);
  },

  pan(pixels) {
    const d = pixels / ui.v.width * (ui.v.t1 - ui.v.t0);
    ui.span(ui.v.t0 + d, ui.v.t1 + d);
  },

  relayout() {
    applyFilter(ui.t, ui.query);
    ui.rows = layout(ui.t, ui.folded);
    $("matches").textContent = ui.t.hit ? `${ui.t.hits} events` : "";
    $("space").style.height = Math.max(ui.t.height, 1) + "px";
    ui.resize();
  },

  resize() {
    const left = $("left").clientWidth, h = $("scroll").clientHeight;
    ui.v.width = Math.max(60, $("scroll").clientWidth - gutter());
    $("window").style.height = h + "px";
    $("overview").style.marginLeft = $("axis").style.marginLeft = gutter() + "px";
    ui.size = { left, h };
    ui.draw();
  },

  draw() {
    if (ui.pending) return;
    ui.pending = true;
    requestAnimationFrame(() => { ui.pending = false; ui.paint(); });
  },

  paint() {
    if (!ui.size) return;
    const { t, v } = ui, h = ui.size.h, top = $("scroll").scrollTop;
    drawOverview(sharp($("overview"), v.width, 44), t, v, 44);
    drawAxis(sharp($("axis"), v.width, 34), t, v);
    drawRows(sharp($("lanes"), v.width, h), t, v, ui.rows, top, h, ui);
    ui.paintOver(top, h);
    ui.paintLabels(top, h);
    document.documentElement.dataset.ready = "1";
  },

  // What is selected lies over everything: its moment, its evidence.
  paintOver(top, h) {
    const ctx = sharp($("over"), ui.v.width, h), { t, v, sel } = ui;
    if (ui.cursor !== null) {
      const text = since(usOf(v, ui.cursor)), right = ui.cursor < v.width - 90;
      ctx.fillStyle = theme.ui.faint;
      ctx.globalAlpha = .6;
      ctx.fillRect(ui.cursor, 0, 1, h);
      ctx.globalAlpha = 1;
      ctx.textAlign = right ? "left" : "right";
      ctx.fillText(text, ui.cursor + (right ? 5 : -5), 8);
    }
    if (!sel) return;
    const line = (us, color, dash) => {
      ctx.strokeStyle = color;
      ctx.lineWidth = 1.3;
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.moveTo(Math.round(xOf(v, us)) + .5, 0);
      ctx.lineTo(Math.round(xOf(v, us)) + .5, h);
      ctx.stroke();
      ctx.setLineDash([]);
    };
    const ring = (i) => {
      const row = ui.rowOf(i), x = xOf(v, t.time[i]);
      if (!row) return;
      ctx.strokeStyle = theme.ui.violated;
      ctx.lineWidth = 2;
      ctx.beginPath();
      const middle = row.lane && (row.lane.kind === "news" || row.lane.kind === "log");
      ctx.arc(x, row.y - top + (middle ? row.h / 2 : row.h - 5), 6, 0, 7);
      ctx.stroke();
    };
    const range = (a, b) => {
      ctx.fillStyle = theme.ui.accent;
      ctx.globalAlpha = .06;
      ctx.fillRect(xOf(v, a), 0, xOf(v, b) - xOf(v, a), h);
      ctx.globalAlpha = 1;
    };
    if (sel.kind === "event") { line(t.time[sel.i], theme.ui.accent, []); ring(sel.i); }
    if (sel.kind === "span") { range(sel.s.a, sel.s.b); line(sel.s.a, theme.ui.accent, []); line(sel.s.b, theme.ui.accent, [3, 3]); }
    if (sel.kind === "cause") { range(sel.d.a, sel.d.b); sel.d.seq.map((s) => eventAt(t, s)).filter((i) => i >= 0).slice(0, 200).forEach(ring); }
    if (sel.kind === "finding") {
      if (sel.f.a < sel.f.at) range(sel.f.a, sel.f.at);
      line(sel.f.at, sel.f.level === "violated" ? theme.ui.violated : theme.ui.inconclusive, []);
      sel.f.seq.map((s) => eventAt(t, s)).filter((i) => i >= 0).slice(0, 200).forEach(ring);
    }
  },

  rowOf(i) {
    const lane = ui.t.lane[i];
    return ui.rows.find((r) => r.lane && r.lane.number === lane) || ui.rows.find((r) => r.object && r.object.number === ui.t.object[i]);
  },

  // Only the labels that can be seen exist.
  paintLabels(top, h) {
    const box = $("labels"), keep = new Map([...box.children].map((e) => [e.dataset.key, e])), active = document.activeElement;
    for (const r of ui.rows) {
      if (r.y + r.h <= top || r.y >= top + h) continue;
      let e = keep.get(r.key);
      keep.delete(r.key);
      if (!e) {
        const fold = r.type === "group" || r.type === "section";
        e = el(fold ? "button" : "div", { className: "row " + r.type });
        e.dataset.key = r.key;
        if (fold) e.addEventListener("click", () => ui.fold(r.key));
        else e.addEventListener("click", () => { ui.row = r.key; ui.draw(); });
        box.append(e);
      }
      e.style.top = r.y - top + "px";
      e.style.height = r.h + "px";
      e.classList.toggle("on", r.key === ui.row);
      if (r.open !== undefined) e.setAttribute("aria-expanded", String(r.open));
      const bad = r.type === "group" ? (r.group.lanes || []).reduce((n, l) => n + l.pins.filter((f) => f.level === "violated").length, 0) : 0;
      const text = (r.open === undefined ? "" : r.open ? "▾ " : "▸ ") + r.label + (bad ? "\u0000" + bad : "");
      if (e.dataset.text !== text) {
        e.dataset.text = text;
        e.title = r.label;
        e.replaceChildren(el("span", {}, text.split("\u0000")[0]));
        if (bad) e.append(el("span", { className: "count", title: `${bad} violations` }, "✕" + bad));
      }
    }
    for (const e of keep.values()) if (e !== active) e.remove(); else e.style.top = "-99px";
  },

  fold(key) {
    if (ui.folded.has(key)) ui.folded.delete(key); else ui.folded.add(key);
    ui.relayout();
    ui.remember();
  },

  // unfold makes the row of a group, lane or object visible.
  reveal(test, keys) {
    if (keys.some((k) => ui.folded.delete(k))) ui.relayout();
    const row = ui.rows.find(test), box = $("scroll");
    if (!row) return;
    if (row.y < box.scrollTop || row.y + row.h > box.scrollTop + box.clientHeight) box.scrollTop = Math.max(0, row.y - 60);
    ui.row = row.key;
  },

  // select shows something in the panel, and where it is.
  async select(sel, move = true) {
    const t = ui.t;
    ui.sel = sel;
    let content = [], at = 0;
    if (sel.kind === "event") {
      at = t.time[sel.i];
      const lane = t.lanes[t.lane[sel.i]], o = t.objects[t.object[sel.i]];
      if (lane) ui.reveal((r) => r.lane === lane, ["g:" + lane.group.label, `s:${lane.group.label}:${lane.section}`]);
      else if (o) ui.reveal((r) => r.object === o, ["g:objects", "s:objects:" + o.r]);
      content = await eventPanel(ui, t, sel.i);
    } else if (sel.kind === "finding") {
      at = sel.f.at;
      const lane = sel.f.lane;
      if (lane) ui.reveal((r) => r.lane === lane, ["g:" + lane.group.label, `s:${lane.group.label}:${lane.section}`]);
      content = findingPanel(ui, t, sel.f);
    } else if (sel.kind === "cause") {
      at = sel.d.a;
      content = causePanel(ui, t, sel.d);
    } else if (sel.kind === "span") {
      at = sel.s.a;
      move = false;
      content = await spanPanel(ui, t, sel.l, sel.s);
    } else if (sel.kind === "list") {
      move = false;
      content = listPanel(ui, t, sel.list);
    }
    if (ui.sel !== sel) return; // something else was selected meanwhile
    if (move && (at < ui.v.t0 || at > ui.v.t1)) {
      const half = (ui.v.t1 - ui.v.t0) / 2;
      ui.span(at - half, at + half, true);
    }
    ui.panel(content, true);
    $("live").textContent = [...$("panel").querySelectorAll("h2,dd")].slice(0, 4).map((e) => e.textContent).join(". ");
    ui.draw();
    ui.remember();
  },

  panel(content, openNarrow) {
    const box = $("panel");
    box.replaceChildren(el("button", { className: "close", title: "Close (Esc)", "aria-label": "Close", click: () => ui.close() }, "✕"), ...content);
    const hidden = !openNarrow && innerWidth <= 820;
    if (box.hidden !== hidden) { box.hidden = hidden; ui.resize(); }
    box.scrollTop = 0;
  },

  close() {
    ui.sel = null;
    $("panel").hidden = true;
    ui.resize();
    ui.remember();
    $("lanes").focus({ preventScroll: true });
  },

  violation: () => ui.t.findings.find((f) => f.level === "violated" && !f.under) || ui.t.findings.find((f) => f.level === "violated") || ui.t.findings[0],

  // first goes to the first violation, else to the first doubt, and says which.
  async first() {
    const f = ui.violation();
    if (!f) { $("live").textContent = "There is no finding in this trace"; return; }
    if (ui.query) { ui.query = $("filter").value = ""; ui.relayout(); }
    const lead = Math.min(f.at - f.a, 40e6); // evidence from long before is in the panel
    ui.span(f.at - lead - Math.max(lead * .2, 5e6), f.at + Math.max(lead * .4, 8e6), true);
    await ui.select({ kind: "finding", f }, false);
  },

  // step goes to the next or previous event, of the chosen row if there is one.
  step(direction) {
    const { t } = ui, row = ui.rows.find((r) => r.key === ui.row);
    const own = row && (row.lane ? row.lane.events : row.object && row.object.events);
    const ok = (i) => !t.hit || t.hit[i];
    const at = ui.sel && ui.sel.kind === "event" ? ui.sel.i : null, now = ui.sel && ui.sel.kind === "finding" ? ui.sel.f.at : (ui.v.t0 + ui.v.t1) / 2;
    const n = own && own.length ? own.length : t.count, get = own && own.length ? (k) => own[k] : (k) => k;
    let k = 0;
    while (k < n && (at !== null ? get(k) < at || direction > 0 && get(k) === at : t.time[get(k)] < now)) k++;
    if (direction < 0) k--;
    while (k >= 0 && k < n && !ok(get(k))) k += direction;
    if (k >= 0 && k < n) ui.select({ kind: "event", i: get(k) });
    else $("live").textContent = "There is no further event";
  },

  // vertical moves the chosen row.
  vertical(direction) {
    const lanes = ui.rows.filter((r) => r.type === "lane" || r.type === "object"), k = lanes.findIndex((r) => r.key === ui.row);
    const row = lanes[Math.min(lanes.length - 1, Math.max(0, k < 0 ? 0 : k + direction))];
    if (!row) return;
    ui.reveal((r) => r === row, []);
    $("live").textContent = `${row.label}, ${row.lane ? row.lane.section + " of " + row.group.label : row.object.r}`;
    ui.draw();
  },

  selection() {
    const s = ui.sel;
    if (!s) return "";
    if (s.kind === "event") return "e" + ui.t.seq[s.i];
    if (s.kind === "finding") return "f:" + s.f.id;
    if (s.kind === "cause") return "d" + s.d.number;
    if (s.kind === "span") return `s${s.l.number}.${s.l.spans.indexOf(s.s)}`;
    return "";
  },

  remember() {
    const parts = [["trace", ui.number || ""], ["t", `${(ui.v.t0 / 1e6).toFixed(6)},${(ui.v.t1 / 1e6).toFixed(6)}`], ["sel", ui.selection()], ["q", ui.query]];
    const start = [...ui.folded].filter((k) => !k.startsWith("s:objects") && k !== "g:objects");
    if (start.length) parts.push(["fold", start.map(encodeURIComponent).join(",")]);
    const hash = "#" + parts.filter(([, x]) => x !== "").map(([k, x]) => k + "=" + (k === "fold" ? x : encodeURIComponent(x))).join("&");
    if (hash !== location.hash) history.replaceState(null, "", hash);
  },

  async restore(hash) {
    const p = new Map((hash || "").replace(/^#/, "").split("&").filter((s) => s.includes("=")).map((s) => {
      const k = s.slice(0, s.indexOf("=")), x = s.slice(s.indexOf("=") + 1);
      try { return [k, k === "fold" ? x.split(",").map(decodeURIComponent) : decodeURIComponent(x)]; } catch { return [k, ""]; }
    }));
    if (p.has("q")) { ui.query = p.get("q"); $("filter").value = ui.query; }
    if (p.has("fold") && Array.isArray(p.get("fold"))) for (const k of p.get("fold")) ui.folded.add(k);
    ui.relayout();
    const m = /^(-?[\d.]+),(-?[\d.]+)$/.exec(p.get("t") || "");
    if (m && Number(m[2]) > Number(m[1])) ui.span(Number(m[1]) * 1e6, Number(m[2]) * 1e6, true);
    const sel = p.get("sel") || "", { t } = ui;
    if (/^e\d+$/.test(sel) && eventAt(t, Number(sel.slice(1))) >= 0) await ui.select({ kind: "event", i: eventAt(t, Number(sel.slice(1))) }, !m);
    if (sel.startsWith("f:")) {
      const f = t.findings.find((x) => x.id === sel.slice(2));
      if (f) await ui.select({ kind: "finding", f }, !m);
    }
    if (/^d\d+$/.test(sel) && t.diagnoses[Number(sel.slice(1))]) await ui.select({ kind: "cause", d: t.diagnoses[Number(sel.slice(1))] }, !m);
    const s = /^s(\d+)\.(\d+)$/.exec(sel), l = s && t.lanes[Number(s[1])];
    if (l && l.spans[Number(s[2])]) await ui.select({ kind: "span", l, s: l.spans[Number(s[2])] });
  },
};
