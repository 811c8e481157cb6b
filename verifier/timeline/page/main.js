// The start.
function drawLegend() {
  $("legend").replaceChildren(...Object.entries(STATES).map(([state, s]) => {
    const c = document.createElement("canvas"), ctx = sharp(c, 22, 12);
    bar(ctx, state, 0, 0, 22, 12);
    return el("span", {}, c, s.name);
  }), el("span", {}, "✕ violation"), el("span", {}, "? doubt"), el("span", {}, "◆ evidence"));
}

// For print, everything that is unfolded is drawn on one sheet, light.
function print() {
  const was = theme.dark, width = 1400, side = 200, v = { ...ui.v, width: width - side }, height = Math.min(ui.t.height, 6000);
  setTheme(false);
  const ctx = sharp($("paper"), width, height + 36);
  $("paper").style.width = $("paper").style.height = "";
  ctx.translate(side, 0);
  drawAxis(ctx, ui.t, v);
  ctx.translate(0, 36);
  drawRows(ctx, ui.t, v, ui.rows, 0, height, { row: "" });
  ctx.translate(-side, 0);
  ctx.fillStyle = theme.ui.text;
  ctx.textAlign = "left";
  for (const r of ui.rows) if (r.y < height) ctx.fillText(r.label, r.type === "group" ? 4 : r.type === "section" ? 12 : 22, r.y + r.h / 2, side - 26);
  setTheme(was);
}

async function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches);
  dark.addEventListener("change", () => { setTheme(dark.matches); drawLegend(); ui.draw(); });
  $("pick").hidden = $("trace").options.length < 2;
  drawLegend();
  bindPointer();
  bindKeys();
  new ResizeObserver(() => ui.t && ui.resize()).observe($("left"));
  addEventListener("beforeprint", print);
  addEventListener("hashchange", () => {
    const m = /(?:^#|&)trace=(\d+)/.exec(location.hash), n = m && $("main-" + m[1]) ? Number(m[1]) : 0;
    if (location.hash.startsWith("#tables")) return;
    scrollTo(0, 0);
    ui.open(n, location.hash);
  });
  const m = /(?:^#|&)trace=(\d+)/.exec(location.hash);
  if ($("main-0")) await ui.open(m && $("main-" + m[1]) ? Number(m[1]) : 0, location.hash);
  performance.mark("drawn");
}

start();
