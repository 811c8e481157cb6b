// How states look. Each has a pattern of its own, so that it can be told apart in
// grey, and its luminance differs from its neighbours'.
const STATES = {
  good: { name: "healthy, ready, done", pattern: "plain" },
  work: { name: "something goes on", pattern: "slash" },
  wait: { name: "waits", pattern: "dots" },
  bad: { name: "failed", pattern: "cross" },
  primary: { name: "primary", pattern: "plain" },
  replica: { name: "replica", pattern: "plain" },
  starting: { name: "starting", pattern: "dashed" },
  unready: { name: "not ready", pattern: "rows" },
  ending: { name: "being deleted", pattern: "backslash" },
  gap: { name: "not seen (gap)", pattern: "thick" },
  observed: { name: "disruption observed", pattern: "columns" },
  marked: { name: "disruption marked", pattern: "grid" },
  held: { name: "leader", pattern: "plain" },
};

const LIGHT = {
  good: ["#d5ecd9", "#2f7d45", "#12351d"], work: ["#d3e3fb", "#3467b0", "#10284c"], wait: ["#fdeec6", "#a57a00", "#3d2e00"],
  bad: ["#f9cfca", "#b3261e", "#4d0d09"], primary: ["#1c559f", "#113a70", "#ffffff"], replica: ["#a6c8ee", "#4d7db5", "#0d2747"],
  starting: ["#ffffff", "#6b7683", "#333c47"], unready: ["#fff6e0", "#b06a00", "#4a2d00"], ending: ["#e3e5e8", "#6b7683", "#2b323a"],
  gap: ["#f3f3f3", "#222222", "#111111"], observed: ["#fde0c8", "#c2590c", "#4a2000"], marked: ["#ead9f7", "#7a3aa8", "#33104d"],
  held: ["#dcd7f5", "#5a4db3", "#1d1654"],
};
const DARK = {
  good: ["#1e4229", "#5fb87a", "#d4f2dc"], work: ["#1e3557", "#6fa3e8", "#d9e8fd"], wait: ["#4a3a10", "#d8aa3a", "#fdf0cc"],
  bad: ["#5c1f1b", "#ff8a80", "#ffe3e0"], primary: ["#8cbcf5", "#c3dcfb", "#08203f"], replica: ["#2b4e78", "#7ba9dd", "#e1edfb"],
  starting: ["#12161c", "#8a96a4", "#d7dde4"], unready: ["#3b2a0e", "#e0a050", "#ffe9cb"], ending: ["#333a43", "#98a3b0", "#e6eaf0"],
  gap: ["#2a2a2a", "#e8e8e8", "#ffffff"], observed: ["#4f2c12", "#f29a55", "#ffe6d3"], marked: ["#3d2453", "#c58ef0", "#f2e3fd"],
  held: ["#2f2a58", "#a79af5", "#e6e2fd"],
};

const theme = { dark: false, colors: LIGHT, ui: {}, patterns: new Map() };

function setTheme(dark) {
  theme.dark = dark;
  theme.colors = dark ? DARK : LIGHT;
  theme.patterns.clear();
  document.documentElement.classList.toggle("dark", dark);
  const css = getComputedStyle(document.documentElement);
  for (const name of ["back", "raised", "line", "text", "faint", "accent", "violated", "inconclusive"]) {
    theme.ui[name] = css.getPropertyValue("--" + name).trim();
  }
}

// paint returns the fill of a state: its colour with its pattern.
function paint(ctx, state) {
  if (theme.patterns.has(state)) return theme.patterns.get(state);
  const [fill, edge] = theme.colors[state] || theme.colors.work;
  const kind = (STATES[state] || STATES.work).pattern;
  let out = fill;
  if (kind !== "plain" && kind !== "dashed") {
    const tile = document.createElement("canvas"), n = kind === "thick" ? 10 : 8;
    tile.width = tile.height = n;
    const c = tile.getContext("2d");
    c.fillStyle = fill;
    c.fillRect(0, 0, n, n);
    c.strokeStyle = c.fillStyle = edge;
    c.globalAlpha = kind === "thick" ? 0.75 : 0.38;
    c.lineWidth = kind === "thick" ? 3.5 : 1;
    const line = (x1, y1, x2, y2) => { c.beginPath(); c.moveTo(x1, y1); c.lineTo(x2, y2); c.stroke(); };
    const slashes = () => { line(-1, n + 1, n + 1, -1); line(-1, 1, 1, -1); line(n - 1, n + 1, n + 1, n - 1); };
    const back = () => { line(-1, -1, n + 1, n + 1); line(n - 1, -1, n + 1, 1); line(-1, n - 1, 1, n + 1); };
    if (kind === "slash" || kind === "thick") slashes();
    if (kind === "backslash") back();
    if (kind === "cross") { slashes(); back(); }
    if (kind === "dots") { c.fillRect(1, 1, 2, 2); c.fillRect(5, 5, 2, 2); }
    if (kind === "rows") { line(0, 2.5, n, 2.5); line(0, 6.5, n, 6.5); }
    if (kind === "columns") { line(2.5, 0, 2.5, n); line(6.5, 0, 6.5, n); }
    if (kind === "grid") { line(0, 3.5, n, 3.5); line(3.5, 0, 3.5, n); }
    out = ctx.createPattern(tile, "repeat");
  }
  theme.patterns.set(state, out);
  return out;
}
