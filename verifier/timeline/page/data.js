// Reading the page's own data: JSON, compressed with zlib, in base64.
const $ = (id) => document.getElementById(id);

// The program runs before the tables and the details have been read.
const loaded = new Promise((done) => {
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", done); else done();
});

async function inflate(id) {
  if (!$(id)) await loaded;
  const text = $(id).textContent;
  const binary = atob(text), packed = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) packed[i] = binary.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const INFERRED = 1, WARNING = 2, BOOKKEEPING = 4, DETAIL = 8, EVIDENCE = 16, DOUBT = 32;

// load reads one trace: its columns become arrays of numbers.
async function load(number) {
  performance.mark("begun");
  const t = await inflate("main-" + number);
  performance.mark("inflated");
  t.number = number;
  t.error = t.error || "";
  const c = t.objects || {}, words = c.words || [];
  t.objects = (c.n || []).map((n, i) => ({ n, r: words[c.r[i]], k: words[c.k[i]], ns: words[c.ns[i]], a: c.a[i], e: c.e[i], b: c.b[i] }));
  for (const key of ["types", "groups", "policies", "findings", "diagnoses", "left_out"]) t[key] ||= [];
  const e = t.events, n = (e.seq || []).length;
  const sum = (list) => {
    const out = new Float64Array(n);
    for (let i = 0, at = 0; i < n; i++) out[i] = at += list[i];
    return out;
  };
  t.count = n;
  t.seq = n ? sum(e.seq) : new Float64Array(0);
  t.time = n ? sum(e.t) : new Float64Array(0);
  t.object = Int32Array.from(e.o || []);
  t.type = Int16Array.from(e.y || []);
  t.flags = Uint8Array.from(e.f || []);
  t.lane = Int32Array.from(e.l || []);
  t.early = new Map();
  for (let i = 0; i + 1 < (e.late || []).length; i += 2) t.early.set(e.late[i], e.late[i + 1]);
  delete t.events;
  t.begin = t.start ? Date.parse(t.start.replace(/(\.\d{3})\d*/, "$1")) : 0;
  t.chunks = new Map();
  return t;
}

// detail is what is told of an event when it is asked; null when it was left out.
async function detail(t, i) {
  if (!(t.flags[i] & DETAIL)) return null;
  const k = Math.floor(i / t.chunk);
  if (!t.chunks.has(k)) t.chunks.set(k, inflate(`chunk-${t.number}-${k}`));
  return (await t.chunks.get(k))[i % t.chunk];
}

// lower is the first index whose value is not below x.
function lower(list, x) {
  let lo = 0, hi = list.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (list[mid] < x) lo = mid + 1; else hi = mid;
  }
  return lo;
}

function eventAt(t, seq) {
  const i = lower(t.seq, seq);
  return i < t.count && t.seq[i] === seq ? i : -1;
}

// Times and sizes for people.
function since(us, digits = 3) {
  const sign = us < 0 ? "−" : "+";
  let s = Math.abs(us) / 1e6;
  const h = Math.floor(s / 3600);
  s -= h * 3600;
  const m = Math.floor(s / 60);
  s -= m * 60;
  const seconds = s.toFixed(digits);
  if (h) return `${sign}${h}h${String(m).padStart(2, "0")}m${seconds.padStart(digits ? digits + 3 : 2, "0")}s`;
  return m ? `${sign}${m}m${seconds.padStart(digits ? digits + 3 : 2, "0")}s` : `${sign}${seconds}s`;
}

const wall = (t, us) => t.begin ? new Date(t.begin + us / 1e3).toISOString().replace("T", " ").replace(/\.(\d{3})Z/, ".$1Z") : "";

function size(bytes) {
  const units = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
  let u = 0;
  while (Math.abs(bytes) >= 1024 && u < units.length - 1) { bytes /= 1024; u++; }
  return (Number.isInteger(bytes) ? bytes : bytes.toFixed(bytes < 10 ? 2 : 1)) + units[u];
}

function value(v, unit) {
  if (typeof v === "number" && unit === "ns") return (v / 1e9).toFixed(3).replace(/\.?0+$/, "") + " s";
  if (typeof v === "number" && unit === "bytes") return size(v);
  return typeof v === "string" ? v : JSON.stringify(v);
}

const objectName = (o) => o ? [o.r, o.ns, o.n].filter(Boolean).join("/") : "";
