// Mouse, touch and keyboard.

// hit finds what lies at a point of the lanes: a pin, an event, or a span.
function hit(x, y) {
  const top = $("scroll").scrollTop, row = ui.rows.find((r) => y + top >= r.y && y + top < r.y + r.h), { t, v } = ui;
  if (!row || row.type === "section") return { row };
  if (row.type === "group") return { row, span: row.open ? null : null };
  const within = y + top - row.y, l = row.lane;
  if (l && l.kind === "finding") {
    const c = clusters(v, l).find((k) => Math.abs(k.x - x) < 10 && within >= 2 + k.row * STACKED && within < 2 + (k.row + 1) * STACKED);
    return c ? { row, pins: c.list } : { row };
  }
  const events = l ? l.events : row.object.events;
  let best = -1, far = l && (l.kind === "news" || l.kind === "log" || l.kind === "marks") ? 8 : 5;
  for (let k = lowerEvent(t, events, usOf(v, x - 9)); k < events.length; k++) {
    const d = Math.abs(xOf(v, t.time[events[k]]) - x);
    if (xOf(v, t.time[events[k]]) > x + 9) break;
    const loud = t.flags[events[k]] & BOOKKEEPING ? 2 : 0; // heartbeats give way
    if (d + loud < far && (!t.hit || t.hit[events[k]])) { best = events[k]; far = d + loud; }
  }
  const span = l && l.spans.filter((s) => !l.stack || Math.floor((within - 2) / STACKED) === s.row)
    .find((s) => x >= xOf(v, s.a) - 2 && x <= Math.max(xOf(v, s.b), xOf(v, s.a) + 3));
  // The ticks are at the foot of a lane; higher up, what is meant is the span.
  const ticks = !l || l.kind === "marks" || !l.spans.length || within > row.h - 10 || l.kind === "sentinel";
  if (best >= 0 && (ticks || !span)) return { row, event: best };
  return { row, span, lane: l };
}

function choose(h) {
  if (h.pins) return ui.select(h.pins.length > 1 ? { kind: "list", list: h.pins } : { kind: "finding", f: h.pins[0] }, false);
  if (h.event !== undefined) return ui.select({ kind: "event", i: h.event }, false);
  if (h.span && h.lane && h.lane.kind === "diagnosis") {
    const d = ui.t.diagnoses.find((x) => x.a === h.span.a && x.b === h.span.b && h.span.x.startsWith(x.title));
    if (d) return ui.select({ kind: "cause", d }, false);
  }
  if (h.span && h.lane) return ui.select({ kind: "span", l: h.lane, s: h.span });
  if (h.row) { ui.row = h.row.key; ui.draw(); }
}

// tip says in a few words what lies under the pointer.
function tip(h, x, y) {
  const box = $("tip"), { t } = ui;
  let lines = null;
  if (h.pins) lines = h.pins.slice(0, 5).map((f) => [f.level === "violated" ? "✕ " : "? ", `${f.policy}: ${f.message}`]);
  else if (h.event !== undefined) {
    const i = h.event, o = t.objects[t.object[i]], type = t.types[t.type[i]];
    lines = [["", `${since(t.time[i])} · #${t.seq[i]} ${type} ${o ? objectName(o) : ""}`]];
    detail(t, i).then((d) => {
      if (ui.hover !== i || !d) return;
      for (const w of d.w) box.append(el("span", { className: "note" }, w));
      if (d.by && d.by.length) box.append(el("span", { className: "note" }, "by " + d.by.map((w) => w.manager).join(", ")));
    });
  } else if (h.span) lines = [["", h.span.x], ["", `${since(h.span.a)} to ${h.span.open ? "the end" : since(h.span.b)}, ${((h.span.b - h.span.a) / 1e6).toFixed(1)} s`]];
  if (h.lane && h.lane.kind === "volume") {
    const at = usOf(ui.v, x - canvasLeft());
    const sizes = (h.lane.series || []).map((s) => [s.name, valueAt(s, at)]).filter(([, n]) => n > 0).map(([n, b]) => `${n} ${size(b)}`);
    if (sizes.length) (lines ||= []).push(["", sizes.join(" · ")]);
  }
  ui.hover = h.event;
  box.hidden = !lines;
  if (!lines) return;
  box.replaceChildren(...lines.map(([mark, text], k) => el(k ? "span" : "b", { className: k ? "note" : "" }, mark + text)));
  const w = Math.min(430, innerWidth - 16);
  box.style.left = Math.max(4, Math.min(x + 14, innerWidth - w)) + "px";
  box.style.top = (y > innerHeight - 130 ? y - 90 : y + 16) + "px";
}

function valueAt(s, us) {
  let n = 0;
  for (let i = 0; i + 1 < s.points.length && s.points[i] <= us; i += 2) n = s.points[i + 1];
  return n;
}

const canvasLeft = () => $("lanes").getBoundingClientRect().left;

function bindPointer() {
  const c = $("lanes"), held = new Map();
  let start = null, moved = false;
  const at = (e) => { const r = c.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
  c.addEventListener("pointerdown", (e) => {
    held.set(e.pointerId, e.clientX);
    start = { x: e.clientX, t0: ui.v.t0, t1: ui.v.t1, apart: apart() };
    moved = false;
    c.setPointerCapture(e.pointerId);
  });
  const apart = () => { const p = [...held.values()]; return p.length > 1 ? Math.max(20, Math.abs(p[0] - p[1])) : 0; };
  c.addEventListener("pointermove", (e) => {
    if (!held.has(e.pointerId)) {
      const [x, y] = at(e);
      ui.cursor = x;
      ui.paintOver($("scroll").scrollTop, ui.size.h);
      return tip(hit(x, y), e.clientX, e.clientY);
    }
    held.set(e.pointerId, e.clientX);
    if (start.apart && apart()) { // two fingers
      const middle = start.t0 + (start.t1 - start.t0) / 2, half = (start.t1 - start.t0) / 2 * start.apart / apart();
      moved = true;
      return ui.span(middle - half, middle + half, true);
    }
    const dx = e.clientX - start.x;
    if (Math.abs(dx) > 3 || moved) {
      moved = true;
      c.classList.add("dragging");
      $("tip").hidden = true;
      const d = -dx / ui.v.width * (start.t1 - start.t0);
      ui.span(start.t0 + d, start.t1 + d, true);
    }
  });
  const up = (e) => {
    held.delete(e.pointerId);
    c.classList.remove("dragging");
    if (moved) ui.remember();
    else if (e.type === "pointerup") { const [x, y] = at(e); choose(hit(x, y)); }
    start = { x: e.clientX, t0: ui.v.t0, t1: ui.v.t1, apart: 0 };
  };
  c.addEventListener("pointerup", up);
  c.addEventListener("pointercancel", up);
  c.addEventListener("pointerleave", () => {
    $("tip").hidden = true;
    ui.hover = ui.cursor = null;
    ui.draw();
  });
  c.addEventListener("dblclick", (e) => ui.zoom(.4, at(e)[0]));
  $("left").addEventListener("wheel", (e) => {
    const x = e.clientX - canvasLeft();
    if (e.ctrlKey || e.metaKey || e.altKey) { e.preventDefault(); ui.zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * .006), x); }
    else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) { e.preventDefault(); ui.pan(e.shiftKey ? e.deltaY || e.deltaX : e.deltaX); }
  }, { passive: false });
  $("scroll").addEventListener("scroll", () => { $("tip").hidden = true; ui.draw(); }, { passive: true });
  bindOverview();
}

// In the overview a drag chooses a time, and a click moves the view there.
function bindOverview() {
  const c = $("overview");
  let from = null;
  const at = (e) => (e.clientX - c.getBoundingClientRect().left) / ui.v.width * ui.t.duration;
  c.addEventListener("pointerdown", (e) => { from = at(e); c.setPointerCapture(e.pointerId); });
  c.addEventListener("pointermove", (e) => {
    if (from !== null && Math.abs(at(e) - from) > ui.t.duration / ui.v.width * 3) ui.span(Math.min(from, at(e)), Math.max(from, at(e)), true);
  });
  c.addEventListener("pointerup", (e) => {
    if (Math.abs(at(e) - from) <= ui.t.duration / ui.v.width * 3) {
      const half = (ui.v.t1 - ui.v.t0) / 2;
      ui.span(at(e) - half, at(e) + half);
    } else ui.remember();
    from = null;
  });
}

const KEYS = [
  ["f", "first violation (or doubt)"], ["] [", "next, previous finding"], ["n p", "next, previous event of the chosen lane"],
  ["↑ ↓", "choose a lane"], ["← →", "move in time (Shift: a page)"], ["+ −", "zoom"], ["0", "whole trace"], ["/", "filter"],
  ["Enter", "fold or unfold the chosen lane's section"], ["d", "light or dark"], ["t", "to the tables"], ["Esc", "close, clear"], ["?", "this help"],
];

const ACTIONS = {
  f: () => ui.first(), n: () => ui.step(1), p: () => ui.step(-1), "+": () => ui.zoom(.6), "=": () => ui.zoom(.6), "-": () => ui.zoom(1 / .6),
  0: () => ui.span(0, ui.t.duration), "/": () => $("filter").focus(), "?": () => $("help").click(), d: () => $("theme").click(),
  t: () => $("tables").scrollIntoView(), ArrowLeft: (e) => ui.pan(ui.v.width * (e.shiftKey ? -.9 : -.12)),
  ArrowRight: (e) => ui.pan(ui.v.width * (e.shiftKey ? .9 : .12)), ArrowUp: () => ui.vertical(-1), ArrowDown: () => ui.vertical(1),
  "]": () => finding(1), "[": () => finding(-1),
  Enter: () => { const r = ui.rows.find((x) => x.key === ui.row); if (r && r.lane) ui.fold(`s:${r.group.label}:${r.lane.section}`); },
  Escape: () => { if (ui.query) { ui.query = $("filter").value = ""; ui.relayout(); ui.remember(); } else ui.close(); },
};

function finding(direction) {
  const list = ui.t.findings, now = ui.sel && ui.sel.kind === "finding" ? ui.sel.f.number : direction > 0 ? -1 : list.length;
  const f = list[now + direction];
  if (f) ui.select({ kind: "finding", f });
}

function bindKeys() {
  document.addEventListener("keydown", (e) => {
    const tag = e.target.tagName, typing = tag === "INPUT" || tag === "SELECT" || $("helpbox").open;
    if (typing) {
      if (e.key === "Escape" && tag === "INPUT") { ACTIONS.Escape(e); $("lanes").focus(); }
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || tag === "BUTTON" && (e.key === "Enter" || e.key === " ")) return;
    const action = ACTIONS[e.key];
    if (!action || e.target.closest && e.target.closest("#tables") && e.key.startsWith("Arrow")) return;
    e.preventDefault();
    action(e);
  });
  const click = { first: () => ui.first(), next: () => ui.step(1), prev: () => ui.step(-1), in: () => ui.zoom(.6), out: () => ui.zoom(1 / .6),
    fit: () => ui.span(0, ui.t.duration), theme: () => { setTheme(!theme.dark); drawLegend(); ui.draw(); },
    help: () => $("helpbox").showModal() };
  for (const [id, f] of Object.entries(click)) $(id).addEventListener("click", f);
  $("filter").addEventListener("input", () => {
    ui.query = $("filter").value.trim();
    ui.relayout();
    ui.remember();
  });
  $("trace").addEventListener("change", () => ui.open(Number($("trace").value), ""));
  const help = $("helpbox");
  help.replaceChildren(el("h2", {}, "Keys"), el("table", {}, el("tbody", {}, KEYS.map(([k, what]) =>
    el("tr", {}, el("td", {}, k.split(" ").map((x) => [el("kbd", {}, x), " "])), el("td", {}, what))))),
  el("h2", {}, "Mouse"), el("p", {}, "Drag to move, Ctrl + wheel or pinch to zoom, double-click to zoom in. Click a bar, a tick or a pin to read it; ticks at the foot of a lane are events."),
  el("h2", {}, "Filter"), el("p", {}, "Words that all have to occur; kind:, ns:, name:, type:, lane:, cluster:, is:warning|evidence|inferred|bookkeeping with alternatives behind commas; a minus in front excludes. kind:Pod,Job -is:bookkeeping"),
  el("p", {}, el("button", { click: () => help.close() }, "Close")));
}
