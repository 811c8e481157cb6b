// Drawing. A view is {t0, t1, width}: what is seen, in µs and CSS pixels.
const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";

const xOf = (v, us) => (us - v.t0) / (v.t1 - v.t0) * v.width;
const usOf = (v, x) => v.t0 + x / v.width * (v.t1 - v.t0);

// sharp makes a canvas as fine as the screen and returns its context.
function sharp(canvas, width, height) {
  const ratio = Math.min(devicePixelRatio || 1, 3);
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = FONT;
  ctx.textBaseline = "middle";
  return ctx;
}

// ticks are round moments about 110 pixels apart.
function ticks(v) {
  const steps = [1e-6, 1e-5, 1e-4, 1e-3, .01, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400,
    21600, 43200, 86400, 172800, 604800].map((s) => s * 1e6);
  const want = (v.t1 - v.t0) / Math.max(1, v.width / 110);
  const step = steps.find((s) => s >= want) || steps[steps.length - 1];
  const out = [];
  for (let at = Math.ceil(v.t0 / step) * step; at <= v.t1; at += step) out.push(at);
  return { list: out, digits: step < 1e3 ? 6 : step < 1e6 ? 3 : 0 };
}

function drawAxis(ctx, t, v) {
  const { list, digits } = ticks(v);
  ctx.textAlign = "center";
  for (const at of list) {
    const x = xOf(v, at);
    ctx.fillStyle = theme.ui.line;
    ctx.fillRect(Math.round(x), 27, 1, 7);
    if (x < 24 || x > v.width - 24) continue;
    ctx.fillStyle = theme.ui.text;
    ctx.fillText(at === 0 ? "0s" : since(at, digits), x, 9);
    ctx.fillStyle = theme.ui.faint;
    ctx.fillText(wall(t, at).slice(11, digits ? 23 : 19), x, 21);
  }
}

// drawOverview shows the whole trace: how much happened, disruptions, findings.
function drawOverview(ctx, t, v, height) {
  const whole = { t0: 0, t1: t.duration, width: v.width };
  const bins = new Float64Array(Math.max(1, Math.ceil(v.width / 2)));
  for (let i = 0; i < t.count; i++) {
    if (t.hit && !t.hit[i]) continue;
    bins[Math.min(bins.length - 1, Math.floor(t.time[i] / t.duration * bins.length))] += t.flags[i] & BOOKKEEPING ? .25 : 1;
  }
  const most = Math.max(1, ...bins);
  for (const g of t.groups) for (const b of g.bands) {
    ctx.fillStyle = theme.colors[b.s][0];
    const x = xOf(whole, b.a);
    ctx.fillRect(x, 0, Math.max(2, xOf(whole, b.b) - x), height);
  }
  ctx.fillStyle = theme.ui.faint;
  bins.forEach((n, i) => {
    const h = n ? Math.max(1, Math.sqrt(n / most) * (height - 12)) : 0;
    ctx.fillRect(i * 2, height - h, 1.5, h);
  });
  for (const f of t.findings) {
    if (f.level !== "violated") continue;
    const x = xOf(whole, f.at);
    ctx.fillStyle = theme.ui.violated;
    ctx.beginPath();
    ctx.moveTo(x - 4, 0);
    ctx.lineTo(x + 4, 0);
    ctx.lineTo(x, 8);
    ctx.fill();
    ctx.fillRect(x - .5, 6, 1, height);
  }
  const a = xOf(whole, v.t0), b = xOf(whole, v.t1);
  ctx.fillStyle = theme.dark ? "#0009" : "#5d687533";
  ctx.fillRect(0, 0, a, height);
  ctx.fillRect(b, 0, v.width - b, height);
  ctx.strokeStyle = theme.ui.accent;
  ctx.lineWidth = 2;
  ctx.strokeRect(a + 1, 1, Math.max(4, b - a - 2), height - 2);
}

// drawRows draws the rows that lie between top and top + height.
function drawRows(ctx, t, v, rows, top, height, state) {
  const { list } = ticks(v);
  ctx.fillStyle = theme.ui.line;
  ctx.globalAlpha = .55;
  for (const at of list) ctx.fillRect(Math.round(xOf(v, at)), 0, 1, height);
  ctx.globalAlpha = 1;
  const seen = rows.filter((r) => r.y + r.h > top && r.y < top + height);
  drawBands(ctx, t, v, rows, top, height);
  for (const row of seen) {
    const y = row.y - top;
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, y, v.width, row.h);
    ctx.clip();
    if (row.type === "group") drawGroup(ctx, t, v, row, y);
    if (row.type === "lane") drawLane(ctx, t, v, row, y);
    if (row.type === "object") drawObject(ctx, t, v, row, y);
    if (row.key === state.row) {
      ctx.fillStyle = theme.ui.accent;
      ctx.globalAlpha = .1;
      ctx.fillRect(0, y, v.width, row.h);
      ctx.globalAlpha = 1;
    }
    ctx.restore();
    ctx.fillStyle = theme.ui.line;
    ctx.globalAlpha = .5;
    ctx.fillRect(0, y + row.h - 1, v.width, 1);
    ctx.globalAlpha = 1;
  }
}

// What was done to a cluster shows through all of its lanes, and a gap through all lanes.
function drawBands(ctx, t, v, rows, top, height) {
  for (const row of rows) {
    if (row.type !== "group" || !row.open) continue;
    const next = rows.find((r) => r.type === "group" && r.y > row.y);
    const y = Math.max(0, row.y + row.h - top), end = Math.min(height, (next ? next.y : t.height) - top);
    if (end <= 0 || y >= height) continue;
    let last = -1e9;
    for (const b of row.group.bands) {
      const x = xOf(v, b.a), w = Math.max(1, xOf(v, b.b) - x);
      if (x > v.width || x + w < 0 || w < 2 && x - last < 2) continue; // from afar, many are one
      last = x;
      ctx.fillStyle = theme.colors[b.s][1];
      ctx.globalAlpha = .1;
      ctx.fillRect(x, y, w, end - y);
      ctx.globalAlpha = w < 4 ? .15 : .5;
      ctx.fillRect(x, y, 1, end - y);
      ctx.globalAlpha = 1;
    }
  }
  const run = t.groups.find((g) => g.kind === "run"), gaps = run && run.lanes.find((l) => l.kind === "gap");
  for (const s of gaps ? gaps.spans : []) {
    ctx.globalAlpha = .22;
    ctx.fillStyle = paint(ctx, "gap");
    ctx.fillRect(xOf(v, s.a), 0, Math.max(2, xOf(v, s.b) - xOf(v, s.a)), height);
    ctx.globalAlpha = 1;
  }
}

function drawGroup(ctx, t, v, row, y) {
  ctx.fillStyle = theme.ui.raised;
  ctx.fillRect(0, y, v.width, row.h);
  if (row.open) return;
  for (const b of row.group.bands) {
    ctx.fillStyle = paint(ctx, b.s);
    ctx.fillRect(xOf(v, b.a), y + 5, Math.max(2, xOf(v, b.b) - xOf(v, b.a)), row.h - 10);
  }
  for (const l of row.group.lanes || []) for (const f of l.pins) if (f.level === "violated") pin(ctx, xOf(v, f.at), y + row.h / 2, f, 5);
}

function drawLane(ctx, t, v, row, y) {
  const l = row.lane;
  if (l.kind === "finding") return drawPins(ctx, v, l, y);
  if (l.kind === "volume") drawVolume(ctx, v, l, y, row.h);
  else if (l.kind === "sentinel") drawSentinel(ctx, t, v, l, y, row.h);
  const strip = l.kind === "volume" || l.kind === "sentinel";
  if (l.kind !== "marks") drawSpans(ctx, v, l, strip ? y + row.h - 15 : y + 2, strip ? 9 : l.stack ? STACKED - 2 : row.h - 8, strip);
  if (l.kind === "marks") drawMarks(ctx, t, v, l, y, row.h);
  else if (l.kind === "news" || l.kind === "log") drawTicks(ctx, t, v, l.events, y + row.h / 2, 5, true);
  else if (l.kind !== "sentinel") drawTicks(ctx, t, v, l.events, y + row.h - 4, 3, false);
}

function drawSpans(ctx, v, l, y, h, thin) {
  let last = -1e9, lastRow = -1;
  for (const s of l.spans) {
    let x = xOf(v, s.a), end = xOf(v, s.b);
    if (end < 0 || x > v.width) continue;
    if (end - x < 1.5 && x - last < 1 && s.row === lastRow) continue; // nobody could see it beside the one before
    last = x;
    lastRow = s.row;
    bar(ctx, s.s, Math.max(-5, x), y + s.row * STACKED, Math.max(2, Math.min(end, v.width + 5) - Math.max(-5, x)), h, s.open);
    const from = Math.max(x, 0), room = Math.min(end, v.width) - from - 8, middle = y + s.row * STACKED + h / 2 + .5;
    ctx.textAlign = "left";
    if (room > 22 && !thin && !(l.stack && room < 60)) {
      ctx.fillStyle = (theme.colors[s.s] || theme.colors.work)[2];
      label(ctx, s.x, from + 5, middle, room, s.s);
    } else if (l.stack || l.kind === "sentinel") { // beside the bar, if there is room until the next one
      const next = l.spans.find((o) => o.row === s.row && o.a >= s.b && o !== s);
      ctx.fillStyle = theme.ui.text;
      const beside = Math.min(next ? xOf(v, next.a) : v.width, v.width) - end - 10;
      if (beside > 30) label(ctx, s.x, end + 5, middle, beside);
    }
  }
}

function bar(ctx, state, x, y, w, h, open) {
  const [, edge] = theme.colors[state] || theme.colors.work;
  ctx.save();
  ctx.translate(x, y); // so that the pattern moves with the bar
  ctx.fillStyle = paint(ctx, state);
  ctx.fillRect(0, 0, w, h);
  ctx.strokeStyle = edge;
  ctx.lineWidth = 1;
  if (STATES[state] && STATES[state].pattern === "dashed") ctx.setLineDash([3, 2]);
  ctx.strokeRect(.5, .5, Math.max(1, w - 1), h - 1);
  ctx.restore();
}

const widths = new Map();

// label writes a text into the room there is, on a ground of its own where a pattern is below.
function label(ctx, text, x, y, room, state) {
  const measure = (s) => {
    if (!widths.has(s)) widths.set(s, ctx.measureText(s).width);
    return widths.get(s);
  };
  let shown = text;
  if (measure(text) > room) {
    const n = Math.floor(text.length * room / measure(text)) - 1;
    if (n < 2) return;
    shown = text.slice(0, n) + "…";
  }
  if (state && STATES[state] && STATES[state].pattern !== "plain") {
    const color = ctx.fillStyle;
    ctx.fillStyle = theme.colors[state][0];
    ctx.globalAlpha = .85;
    ctx.fillRect(x - 2, y - 7, Math.min(room, measure(shown)) + 4, 13);
    ctx.globalAlpha = 1;
    ctx.fillStyle = color;
  }
  ctx.fillText(shown, x, y, room + 4);
}

// drawTicks draws events. Where several fall on one pixel the mark gets higher.
function drawTicks(ctx, t, v, events, y, h, diamonds) {
  const from = lowerEvent(t, events, v.t0), gap = diamonds ? 7 : 1;
  let x = -1e9, n = 0, loud = 0, hit = false;
  const flush = () => {
    if (!n) return;
    ctx.globalAlpha = hit ? 1 : .2;
    ctx.fillStyle = loud & EVIDENCE ? theme.ui.violated : loud & DOUBT ? theme.ui.inconclusive : loud & WARNING ? theme.colors.wait[1]
      : loud & 64 ? theme.ui.text : theme.ui.line;
    if (loud & (EVIDENCE | DOUBT)) diamond(ctx, x, Math.min(y, y - 1), 4.5, Boolean(loud & EVIDENCE));
    else if (diamonds) diamond(ctx, x, y, Math.min(6, 3 + Math.log2(n)), Boolean(loud & WARNING));
    else ctx.fillRect(x - .5, y - Math.min(h * 2, h + Math.log2(n)) / 2 - 1, 1.2, Math.min(h * 2, h + Math.log2(n)));
    ctx.globalAlpha = 1;
  };
  for (let k = from; k < events.length; k++) {
    const i = events[k], at = xOf(v, t.time[i]);
    if (at > v.width + 6) break;
    if (at - x >= gap) { flush(); x = at; n = 0; loud = 0; hit = false; }
    n++;
    loud |= t.flags[i] | (t.flags[i] & BOOKKEEPING ? 0 : 64);
    hit = hit || !t.hit || Boolean(t.hit[i]);
  }
  flush();
}

function lowerEvent(t, events, us) {
  let lo = 0, hi = events.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (t.time[events[mid]] < us) lo = mid + 1; else hi = mid;
  }
  return Math.max(0, lo - 1);
}

function diamond(ctx, x, y, r, full) {
  ctx.beginPath();
  ctx.moveTo(x, y - r);
  ctx.lineTo(x + r, y);
  ctx.lineTo(x, y + r);
  ctx.lineTo(x - r, y);
  ctx.closePath();
  if (full) ctx.fill();
  else { ctx.strokeStyle = ctx.fillStyle; ctx.lineWidth = 1.2; ctx.stroke(); }
}

// pin marks a finding: a full red flag with a cross, or a hollow one with a question mark.
function pin(ctx, x, y, f, r, n = 1) {
  const bad = f.level === "violated";
  ctx.fillStyle = bad ? theme.ui.violated : theme.ui.back;
  ctx.strokeStyle = bad ? theme.ui.violated : theme.ui.inconclusive;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 7);
  ctx.fill();
  ctx.stroke();
  ctx.fillStyle = bad ? theme.ui.back : theme.ui.inconclusive;
  ctx.textAlign = "center";
  ctx.font = "bold " + FONT;
  ctx.fillText(n > 1 ? (n > 99 ? "99" : String(n)) : bad ? "✕" : "?", x, y + .5);
  ctx.font = FONT;
}

// clusters joins pins that would cover each other.
function clusters(v, l) {
  const bad = l.pins.some((f) => f.level === "violated"), out = [];
  for (const level of ["violated", "inconclusive"]) {
    let last = null;
    for (const f of l.pins) {
      if ((f.level === "violated") !== (level === "violated")) continue;
      const x = xOf(v, f.at);
      if (last && x - last.x < 17) { last.list.push(f); continue; }
      last = { x, row: level === "violated" || !bad ? 0 : 1, list: [f] };
      out.push(last);
    }
  }
  return out;
}

function drawPins(ctx, v, l, y) {
  const all = clusters(v, l);
  const until = [0, 0]; // where the words of a row end
  all.forEach((c, k) => {
    if (c.x < -20 || c.x > v.width + 20) return;
    const at = y + 2 + c.row * STACKED + STACKED / 2, f = c.list[0];
    const next = all[k + 1] && all[k + 1].row === c.row ? all[k + 1].x - 12 : v.width;
    pin(ctx, c.x, at, f, 8, c.list.length);
    ctx.fillStyle = f.level === "violated" ? theme.ui.violated : theme.ui.inconclusive;
    const names = [...new Set(c.list.map((x) => x.policy))].join(", ");
    const right = next - c.x - 14, left = c.x - 14 - until[c.row];
    ctx.textAlign = right >= 120 || right > left ? "left" : "right"; // before the pin where there is more room
    const room = Math.min(ctx.textAlign === "left" ? right : left, 420);
    until[c.row] = c.x + 12;
    if (room < 40) return;
    label(ctx, names, ctx.textAlign === "left" ? c.x + 12 : c.x - 12, at, room);
    if (ctx.textAlign === "left") until[c.row] += Math.min(room, widths.get(names));
  });
}

function drawMarks(ctx, t, v, l, y, h) {
  l.spans.forEach((s, k) => {
    const x = xOf(v, s.a);
    if (x < -200 || x > v.width) return;
    ctx.fillStyle = theme.colors.marked[1];
    ctx.globalAlpha = t.hit && !shows(t, l.events) ? .2 : 1;
    ctx.beginPath();
    ctx.moveTo(x, y + 3);
    ctx.lineTo(x + 8, y + 7);
    ctx.lineTo(x, y + 11);
    ctx.fill();
    ctx.fillRect(x - .5, y + 3, 1.5, h - 6);
    const text = s.x, next = k + 1 < l.spans.length ? xOf(v, l.spans[k + 1].a) : v.width;
    const room = Math.min(next, v.width) - x - 14;
    if (room > 24) {
      ctx.textAlign = "left";
      ctx.fillStyle = theme.ui.text;
      label(ctx, text, x + 11, y + h / 2, room);
    }
    ctx.globalAlpha = 1;
  });
}

// drawVolume shows sizes as steps: capacity as an area, the request as a line, the
// bounds as the ground, usage as a thick line.
function drawVolume(ctx, v, l, y, h) {
  const base = y + h - 17, room = h - 24, yOf = (n) => base - n / l.max * room;
  const series = (name) => (l.series || []).find((s) => s.name === name);
  const steps = (s, draw) => {
    for (let i = 0; i + 1 < s.points.length; i += 2) {
      const until = i + 2 < s.points.length ? s.points[i + 2] : t1;
      const a = xOf(v, s.points[i]), b = xOf(v, until);
      if (b < 0 || a > v.width) continue;
      draw(Math.max(a, -2), Math.min(b, v.width + 2), s.points[i + 1], i);
    }
  };
  const t1 = l.spans.length ? l.spans[l.spans.length - 1].b : v.t1;
  const limit = series("limit"), floor = series("floor"), capacity = series("capacity"), request = series("request");
  if (limit) steps(limit, (a, b, n) => {
    if (!n) return;
    ctx.fillStyle = theme.colors.wait[0];
    ctx.globalAlpha = .45;
    const low = floor ? floor.points[1] : 0;
    ctx.fillRect(a, yOf(n), b - a, yOf(low) - yOf(n));
    ctx.globalAlpha = 1;
    ctx.strokeStyle = theme.colors.wait[1];
    ctx.setLineDash([5, 3]);
    ctx.strokeRect(a, Math.round(yOf(n)) + .5, b - a, 0);
    ctx.setLineDash([]);
    ctx.fillStyle = theme.colors.wait[1];
    ctx.textAlign = "right";
    if (b - a > 70) ctx.fillText("limit " + size(n), Math.min(b, v.width) - 4, yOf(n) + 7);
  });
  if (capacity) steps(capacity, (a, b, n) => {
    ctx.fillStyle = theme.colors.replica[0];
    ctx.globalAlpha = .75;
    ctx.fillRect(a, yOf(n), b - a, base - yOf(n));
    ctx.globalAlpha = 1;
  });
  if (request) {
    ctx.strokeStyle = theme.colors.primary[0];
    ctx.lineWidth = 1.6;
    ctx.beginPath();
    let started = false;
    steps(request, (a, b, n) => {
      if (!n) { started = false; return; }
      if (started) ctx.lineTo(a, yOf(n)); else ctx.moveTo(a, yOf(n));
      ctx.lineTo(b, yOf(n));
      started = true;
    });
    ctx.stroke();
    ctx.fillStyle = theme.ui.text;
    ctx.textAlign = "left";
    let until = -1e9;
    steps(request, (a, b, n) => {
      const at = Math.max(a, 0) + 4;
      if (!n || at < until) return;
      ctx.fillText(size(n), at, Math.max(y + 6, yOf(n) - 6));
      until = at + 34;
    });
  }
  const usage = series("usage");
  if (usage) {
    ctx.strokeStyle = theme.colors.bad[1];
    ctx.lineWidth = 2;
    ctx.setLineDash([1, 2]);
    ctx.beginPath();
    let last = null;
    for (let i = 0; i + 1 < usage.points.length; i += 2) {
      const x = xOf(v, usage.points[i]);
      if (x < -50 || x > v.width + 50 || last !== null && x - last < .5) continue;
      if (last === null) ctx.moveTo(x, yOf(usage.points[i + 1])); else ctx.lineTo(x, yOf(usage.points[i + 1]));
      last = x;
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }
}

// drawSentinel shows how many writes were acknowledged, failed, or left unknown.
function drawSentinel(ctx, t, v, l, y, h) {
  const step = 4, n = Math.ceil(v.width / step), bins = { acknowledged: [], failed: [], unknown: [] };
  for (const k in bins) bins[k] = new Float64Array(n + 1);
  for (let k = lowerEvent(t, l.events, v.t0); k < l.events.length; k++) {
    const i = l.events[k], x = xOf(v, t.time[i]);
    if (x > v.width) break;
    const kind = t.types[t.type[i]].slice("sentinel.".length);
    if (x >= 0 && bins[kind]) bins[kind][Math.floor(x / step)]++;
    if (kind === "read" || kind === "unreachable") {
      ctx.fillStyle = kind === "read" ? theme.ui.faint : theme.ui.violated;
      ctx.fillRect(x, y + h - 16, 1, 4);
    }
  }
  const most = Math.max(1, ...bins.acknowledged), base = y + h - 16, room = h - 20;
  for (let k = 0; k < n; k++) {
    const up = bins.acknowledged[k] / most * room;
    ctx.fillStyle = theme.colors.good[1];
    ctx.fillRect(k * step, base - up, step - 1, up);
    const bad = bins.failed[k] + bins.unknown[k];
    if (bad) {
      ctx.fillStyle = theme.ui.violated;
      ctx.fillRect(k * step, y + 2, step - 1, Math.min(room, 5 + bad));
    }
  }
  const second = most / (step / v.width * (v.t1 - v.t0) / 1e6);
  ctx.fillStyle = theme.ui.faint;
  ctx.textAlign = "left";
  ctx.fillText(`acknowledged, at most ${second < 10 ? second.toFixed(1) : Math.round(second)}/s`, 4, y + 8);
}

// drawObject shows one life: it exists, its deletion has begun, it is gone.
function drawObject(ctx, t, v, row, y) {
  const o = row.object, until = o.b < 0 ? t.duration : o.b, ending = o.e < 0 ? until : o.e;
  const a = Math.max(-5, xOf(v, o.a)), e = Math.min(v.width + 5, xOf(v, ending)), b = Math.min(v.width + 5, xOf(v, until));
  if (e > a) bar(ctx, "replica", a, y + 3, Math.max(2, e - a), row.h - 8);
  if (b > Math.max(a, e)) bar(ctx, "ending", Math.max(a, e), y + 3, Math.max(2, b - Math.max(a, e)), row.h - 8);
  drawTicks(ctx, t, v, o.events, y + row.h - 3, 3, false);
}
