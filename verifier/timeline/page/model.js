// Rows: groups, their sections, their lanes, and the objects behind them.
const HEIGHT = { group: 25, section: 17, volume: 54, sentinel: 40, object: 17, news: 20, log: 20, recorder: 18, marks: 22 };
// Sections whose lanes say enough to do without a heading.
const PLAIN = new Set(["run", "judgement", "disruptions", "cluster", "data"]);
const STACKED = 19, LANE = 23, STACK_MAX = 12;

// prepare sorts the events of a trace by lane and by object, and puts spans that
// overlap below each other.
function prepare(t) {
  t.lanes = t.groups.flatMap((g) => (g.lanes ||= []).map((l) => Object.assign(l, { group: g })));
  t.groups.forEach((g) => { g.bands ||= []; });
  const byLane = t.lanes.map(() => []), byObject = t.objects.map(() => []);
  for (let i = 0; i < t.count; i++) {
    if (t.lane[i] >= 0) byLane[t.lane[i]].push(i);
    if (t.object[i] >= 0) byObject[t.object[i]].push(i);
  }
  t.lanes.forEach((l, n) => {
    l.number = n;
    l.events = Int32Array.from(byLane[n]);
    l.spans ||= [];
    l.pins = [];
    l.rows = stack(l);
    const values = (l.series || []).flatMap((s) => s.points.filter((_, i) => i % 2));
    l.max = Math.max(1, ...values);
  });
  t.objects.forEach((o, n) => { o.events = Int32Array.from(byObject[n]); o.number = n; });
  t.findings.forEach((f, n) => {
    f.number = n;
    f.seq ||= [];
    const g = groupOf(t, f.entity);
    const lane = g && g.lanes.find((l) => l.kind === "finding");
    if (lane) lane.pins.push(f);
    f.lane = lane;
  });
  t.diagnoses.forEach((d, n) => { d.number = n; });
}

function groupOf(t, entity) {
  const name = entity.split("/").slice(0, 2).join("/").split("#")[0];
  return t.groups.find((g) => g.label === name) || t.groups.find((g) => g.kind === "run");
}

// stack gives each span the first row that is free, and returns how many there are.
function stack(l) {
  if (!l.stack) {
    l.spans.forEach((s) => { s.row = 0; });
    return 1;
  }
  const free = [];
  l.spans.sort((x, y) => x.a - y.a || y.b - x.b);
  for (const s of l.spans) {
    let row = free.findIndex((until) => until <= s.a);
    if (row < 0) row = Math.min(free.length, STACK_MAX - 1);
    free[row] = Math.max(free[row] || 0, s.b, s.a + 1);
    s.row = row;
  }
  return Math.max(1, free.length);
}

function laneHeight(l) {
  if (l.kind === "finding") return 2 + STACKED * (Number(l.pins.some((f) => f.level === "violated")) +
    Number(l.pins.some((f) => f.level !== "violated")) || 1);
  if (l.stack) return 4 + l.rows * STACKED;
  return HEIGHT[l.kind] || LANE;
}

// A query is a list of terms that all have to be met: words, or key:value with
// alternatives behind commas; a minus in front means: not.
function parseQuery(text) {
  return (text.match(/-?(?:[a-z]+:)?"[^"]*"|\S+/g) || []).map((word) => {
    const not = word.length > 1 && word.startsWith("-");
    const m = /^(kind|ns|name|type|lane|cluster|is):(.*)$/i.exec(not ? word.slice(1) : word);
    const clean = (s) => s.replace(/"/g, "").toLowerCase();
    return m ? { not, key: m[1].toLowerCase(), any: m[2].split(",").map(clean).filter(Boolean) }
      : { not, key: "", any: [clean(not ? word.slice(1) : word)] };
  }).filter((term) => term.any.length);
}

const IS = { warning: WARNING, evidence: EVIDENCE | DOUBT, inferred: INFERRED, bookkeeping: BOOKKEEPING };

function matcher(t, terms) {
  const cache = new Map();
  const textOf = (o, lane) => [o ? objectName(o) : "", o ? o.k : "", lane ? lane.label : "", lane ? lane.group.label : ""]
    .join(" ").toLowerCase();
  return (i) => {
    const o = t.object[i] >= 0 ? t.objects[t.object[i]] : null, lane = t.lane[i] >= 0 ? t.lanes[t.lane[i]] : null;
    return terms.every((term) => {
      const has = term.any.some((x) => {
        switch (term.key) {
          case "kind": return o && (o.k.toLowerCase() === x || o.r.toLowerCase().startsWith(x));
          case "ns": return o && o.ns.toLowerCase() === x;
          case "name": return o && o.n.toLowerCase().includes(x);
          case "type": return t.types[t.type[i]].includes(x);
          case "lane": return lane && (lane.label.toLowerCase().includes(x) || lane.section.includes(x));
          case "cluster": return lane && lane.group.label.toLowerCase().includes(x);
          case "is": return Boolean(t.flags[i] & (IS[x] || 0));
        }
        const key = t.object[i] + "/" + t.lane[i];
        if (!cache.has(key)) cache.set(key, textOf(o, lane));
        return cache.get(key).includes(x) || t.types[t.type[i]].includes(x);
      });
      return Boolean(has) !== term.not;
    });
  };
}

// A lane without events of its own is judged by its name.
function laneMatches(l, terms) {
  const text = [l.label, l.section, l.kind, l.group.label].join(" ").toLowerCase();
  return terms.every((term) => {
    if (term.key === "kind" || term.key === "type" || term.key === "is" || term.key === "name") return term.not;
    if (term.key === "ns") return term.any.some((x) => l.group.label.toLowerCase().startsWith(x + "/")) !== term.not;
    return term.any.some((x) => text.includes(x)) !== term.not;
  });
}

// applyFilter marks the events that match; null: all do.
function applyFilter(t, text) {
  t.terms = parseQuery(text);
  t.hit = null;
  t.hits = t.count;
  if (t.terms.length) {
    const match = matcher(t, t.terms);
    t.hit = new Uint8Array(t.count);
    t.hits = 0;
    for (let i = 0; i < t.count; i++) if (match(i)) { t.hit[i] = 1; t.hits++; }
  }
}

const shows = (t, events) => !t.hit || events.some((i) => t.hit[i]);

// layout lists what is unfolded, from top to bottom.
function layout(t, folded) {
  const rows = [];
  let y = 0;
  const push = (row, h) => { rows.push(Object.assign(row, { y, h })); y += h; };
  for (const g of t.groups) {
    const lanes = g.lanes.filter((l) => !t.hit || shows(t, l.events) || laneMatches(l, t.terms));
    if (!lanes.length) continue;
    const key = "g:" + g.label;
    push({ type: "group", key, label: g.label, group: g, open: !folded.has(key) }, HEIGHT.group);
    if (folded.has(key)) continue;
    let section = "", open = true;
    for (const l of lanes) {
      if (l.section !== section) {
        section = l.section;
        const at = `s:${g.label}:${section}`, alone = PLAIN.has(section);
        open = alone || !folded.has(at);
        if (!alone) push({ type: "section", key: at, label: section, group: g, open }, HEIGHT.section);
      }
      if (open) push({ type: "lane", key: "l:" + l.number, label: l.label, group: g, lane: l }, laneHeight(l));
    }
  }
  objectRows(t, folded, push);
  t.height = y;
  return rows;
}

// The objects, by kind: all that the recording saw, folded until they are asked for.
function objectRows(t, folded, push) {
  const all = { kind: "objects", label: "All objects", bands: [] };
  const kinds = new Map();
  for (const o of t.objects) {
    if (!o.n || !shows(t, o.events)) continue;
    if (!kinds.has(o.r)) kinds.set(o.r, []);
    kinds.get(o.r).push(o);
  }
  if (!kinds.size) return;
  push({ type: "group", key: "g:objects", label: all.label, group: all, open: !folded.has("g:objects") }, HEIGHT.group);
  if (folded.has("g:objects")) return;
  for (const kind of [...kinds.keys()].sort()) {
    const key = "s:objects:" + kind, list = kinds.get(kind);
    push({ type: "section", key, label: `${kind} (${list.length})`, group: all, open: !folded.has(key) }, HEIGHT.section);
    if (folded.has(key)) continue;
    list.sort((x, y) => x.ns.localeCompare(y.ns) || x.n.localeCompare(y.n) || x.a - y.a);
    for (const o of list) push({ type: "object", key: "o:" + o.number, label: o.n, group: all, object: o }, HEIGHT.object);
  }
}
