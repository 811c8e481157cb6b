// The panel: what is known of what was selected. Everything is put in as text.
function el(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k === "click") e.addEventListener("click", v); else if (k in e) e[k] = v; else e.setAttribute(k, v);
  }
  for (const c of children.flat()) if (c !== null && c !== undefined && c !== "") e.append(c);
  return e;
}

const pairs = (list) => el("dl", {}, list.filter(([, v]) => v !== "" && v !== null && v !== undefined)
  .flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]));

const command = (text) => el("code", { className: "cmd" }, text);

const quote = (s) => /^[\w@%+=:,./-]+$/.test(s) ? s : "'" + s.replace(/'/g, `'\\''`) + "'";

// whenText is when an event was recorded, and since when it may have happened.
function whenText(t, i) {
  const early = t.early.get(i);
  return since(t.time[i]) + " · " + wall(t, t.time[i]) + (early ? ` (happened after ${since(t.time[i] - early)})` : "");
}

function eventButton(ui, t, i) {
  const o = t.objects[t.object[i]], text = el("span", {}, "");
  const b = el("button", { click: () => ui.select({ kind: "event", i }) },
    el("b", {}, since(t.time[i]) + " "), `#${t.seq[i]} ${o ? objectName(o) : t.types[t.type[i]]} `, text);
  detail(t, i).then((d) => { text.textContent = d && d.w.length ? "— " + d.w.join("; ") : ""; });
  return b;
}

async function eventPanel(ui, t, i) {
  const o = t.objects[t.object[i]], d = await detail(t, i), type = t.types[t.type[i]];
  const version = (k) => ["added", "modified", "deleted"].includes(t.types[t.type[k]]);
  const born = o && o.events.length ? await detail(t, o.events[0]) : null;
  const own = o ? [...o.events].filter(version) : [], at = own.indexOf(i);
  const out = [el("h2", {}, (o ? `${o.k || o.r} ${o.n}` : type)), pairs([
    ["event", `#${t.seq[i]} ${type}` + (t.flags[i] & INFERRED ? " — inferred from a list, nobody observed it" : "")],
    ["when", whenText(t, i)],
    ["namespace", o && o.ns], ["resource", o && o.r], ["UID", born && born.u], ["version", d && d.v],
    ["written by", d && d.by ? d.by.map((w) => `${w.manager} (${w.operation}${w.subresource ? " of " + w.subresource : ""}) at ${w.time}`)
      .join("; ") : ["added", "modified"].includes(type) && d ? el("span", { className: "note" }, "the recording does not say (no managedFields)") : ""],
  ])];
  if (at >= 0 && own.length > 1) {
    out.push(el("p", {}, el("button", { disabled: at === 0, click: () => ui.select({ kind: "event", i: own[at - 1] }) }, "◀ version before"), " ",
      el("button", { disabled: at === own.length - 1, click: () => ui.select({ kind: "event", i: own[at + 1] }) }, "version after ▶"),
      el("span", { className: "note" }, ` ${at + 1} of ${own.length}`)));
  }
  if (!d) {
    out.push(el("p", { className: "note" }, "What it changed was left out of this page for its size. The trace has it:"));
  } else {
    if (d.w.length && !(d.c && d.c.length)) out.push(el("ul", {}, d.w.map((w) => el("li", {}, w))));
    if (d.c && d.c.length) out.push(el("h3", {}, "What changed"), diffTable(d));
  }
  if (o && o.n && o.k) out.push(command(`verifier show ${quote(t.file)} ${quote(o.r + "/" + o.n)}${o.ns ? " -n " + quote(o.ns) : ""} --at seq:${t.seq[i]} -o yaml`));
  const cited = t.findings.filter((f) => f.seq.includes(t.seq[i]));
  if (cited.length) out.push(el("h3", {}, "Evidence of"), el("ul", {}, cited.slice(0, 20).map((f) => el("li", {}, findingButton(ui, t, f)))));
  return out;
}

function diffTable(d) {
  const show = (text) => {
    try { const v = JSON.parse(text); return typeof v === "string" ? v || '""' : text; } catch { return text; }
  };
  const rows = d.c.map(([path, before, after]) => el("tr", {}, el("td", { className: "mono" }, path), el("td", { className: "mono" },
    before ? el("del", { title: "before" }, show(before)) : null, after ? el("ins", { title: "after" }, show(after)) : null)));
  if (d.m) rows.push(el("tr", {}, el("td", { className: "note" }, `and ${d.m} more fields`), el("td")));
  return el("table", { className: "diff" }, el("tbody", {}, rows));
}

const findingButton = (ui, t, f) => el("button", { click: () => ui.select({ kind: "finding", f }) },
  el("b", {}, f.level === "violated" ? "✕ " : "? "), `${since(f.at, 1)} ${f.policy}: ${f.message}`);

function findingPanel(ui, t, f) {
  const p = t.policies.find((x) => x.id === f.policy), facts = Object.entries(f.detail || {});
  const said = (k, v) => k.endsWith("_ns") && typeof v === "number" ? since(v / 1e3) : value(v);
  const out = [el("h2", {}, f.message), el("p", {}, el("span", { className: "verdict v-" + f.level }, f.level.toUpperCase()), " ", el("b", {}, f.policy),
    f.code ? el("span", { className: "note" }, " · " + f.code) : ""), pairs([
    ["moment", since(f.at) + " · " + wall(t, f.at)], ["entity", f.entity], ["whose", f.class],
    ["got", f.got === undefined ? "" : value(f.got, f.unit)], ["want", f.want === undefined ? "" : value(f.want, f.unit)],
    ["promise", p && p.promise], ["requirement", p && p.requirement], ["would hold with", f.remedy], ["waived", f.waived],
    ["same evidence as", f.under],
  ])];
  if (facts.length) out.push(el("h3", {}, "Detail"), pairs(facts.map(([k, v]) => [k, said(k, v)])));
  if ((f.blame || []).length) out.push(el("h3", {}, "Causes at work"), el("ul", {}, f.blame.map((b) => el("li", {}, b))));
  const shown = f.seq.map((s) => eventAt(t, s)).filter((i) => i >= 0);
  if (shown.length) out.push(el("h3", {}, "Evidence"), el("ol", {}, shown.slice(0, 30).map((i) => el("li", {}, eventButton(ui, t, i)))));
  if (shown.length > 30) out.push(el("p", { className: "note" }, `and ${shown.length - 30} more events`));
  out.push(command(f.level === "violated" ? `verifier repro ${quote(t.file)} --finding ${quote(f.id)}` : `verifier explain ${f.policy}`));
  return out;
}

function causePanel(ui, t, d) {
  const shown = d.seq.map((s) => eventAt(t, s)).filter((i) => i >= 0);
  return [el("h2", {}, d.title), el("p", {}, el("b", {}, d.policy)), pairs([
    ["cause", d.message], ["whose", d.class], ["where", d.entity],
    ["when", `${since(d.a)} to ${since(d.b)} (${((d.b - d.a) / 1e6).toFixed(1)} s)`],
    ["explains", (d.explains || []).join(", ")],
    ...Object.entries(d.detail || {}).map(([k, v]) => [k, k.endsWith("_ns") && typeof v === "number" ? since(v / 1e3) : value(v)]),
  ]), shown.length ? el("h3", {}, "Evidence") : "", el("ol", {}, shown.slice(0, 30).map((i) => el("li", {}, eventButton(ui, t, i))))];
}

async function spanPanel(ui, t, l, s) {
  const i = s.e ? eventAt(t, s.e) : -1;
  const head = [el("h2", {}, s.x), pairs([["lane", `${l.label} of ${l.group.label}`],
    ["from", since(s.a) + " · " + wall(t, s.a)],
    ["until", s.open ? "the end of the trace" : since(s.b) + " · " + wall(t, s.b)], ["lasted", ((s.b - s.a) / 1e6).toFixed(3) + " s"]])];
  if (i >= 0) head.push(el("h3", {}, "It began with"), ...(await eventPanel(ui, t, i)).map((e, k) => { if (k === 0) e.className = "note"; return e; }));
  return head;
}

function listPanel(ui, t, list) {
  return [el("h2", {}, `${list.length} findings at ${since(list[0].at, 1)}`),
    el("ul", {}, list.slice(0, 100).map((f) => el("li", {}, findingButton(ui, t, f))))];
}

function tracePanel(ui, t) {
  const bad = t.findings.filter((f) => f.level === "violated");
  const out = [el("h2", {}, t.file), pairs([["recording", t.run], ["begun", t.start], ["lasted", since(t.duration, 1).slice(1)],
    ["events", `${t.count} of ${t.total}`], ["proof", Object.entries(t.proof || {}).map(([k, n]) => `${n} ${k}`).join(", ")]])];
  if (t.error) out.push(el("p", {}, "This trace could not be judged: " + t.error));
  if (t.left_out.length) {
    out.push(el("h3", {}, "Not in this page, for its size"), el("ul", {}, t.left_out.map((x) => el("li", {}, `${x.what}: ` +
      [x.events ? `${x.events} events` : "", x.detail ? `the details of ${x.detail} events` : ""].filter(Boolean).join(", ")))),
    el("p", { className: "note" }, "The trace has all of it: verifier show, recorder export."));
  }
  out.push(el("h3", {}, bad.length === 1 ? "1 violation" : `${bad.length} violations`), el("ul", {}, bad.slice(0, 50).map((f) => el("li", {}, findingButton(ui, t, f)))));
  const doubts = t.findings.filter((f) => f.level !== "violated");
  if (doubts.length) {
    out.push(el("details", {}, el("summary", {}, `${doubts.length} doubts`),
      el("ul", {}, doubts.slice(0, 100).map((f) => el("li", {}, findingButton(ui, t, f))))));
  }
  if (t.diagnoses.length) out.push(el("h3", {}, "Diagnoses"), el("ul", {}, t.diagnoses.slice(0, 30).map((d) =>
    el("li", {}, el("button", { click: () => ui.select({ kind: "cause", d }) }, `${since(d.a, 1)} ${d.title} (${d.class})`)))));
  return out;
}
