"use strict";
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const $ = id => document.getElementById(id);
  const NS = "http://www.w3.org/2000/svg";
  const LEFT = 92, RIGHT = 12;
  let W = 1120; // as wide as the page, so that letters keep their size
  const classes = ["batch", "ack", "ask", "answer", "forward", "forwarded", "announce", "handoff", "handedoff"];
  const colour = c => "var(--c" + (classes.indexOf(c) < 0 ? 7 : Math.min(classes.indexOf(c), 7)) + ")";
  const violations = D.violations || [], messages = D.messages || [], ops = D.ops || [];

  // el makes an element of a drawing; text is set as text, never as markup.
  function el(parent, name, attributes, text) {
    const e = document.createElementNS(NS, name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    parent.appendChild(e);
    return e;
  }
  function svg(id, height, hidden) {
    const host = $(id);
    host.replaceChildren();
    return el(host, "svg", { viewBox: `0 0 ${W} ${height}`, "aria-hidden": hidden ? "true" : "false" });
  }
  function time(us) {
    if (us === 0) return "0";
    const s = us / 1e6, sign = s < 0 ? "-" : "", a = Math.abs(s);
    if (a < 0.1) return sign + (a * 1000).toFixed(a < 0.01 ? 2 : 1) + "ms";
    if (a < 60) return sign + a.toFixed(a < 10 ? 2 : 1) + "s";
    const m = Math.floor(a / 60), h = Math.floor(m / 60);
    if (h) return `${sign}${h}h${String(m % 60).padStart(2, "0")}m`;
    return `${sign}${m}m${String(Math.floor(a % 60)).padStart(2, "0")}s`;
  }
  const precise = us => { const m = Math.floor(us / 6e7); return (m ? m + "m" : "") + ((us - m * 6e7) / 1e6).toFixed(4) + "s"; };
  function bytes(n) {
    const u = ["B", "kB", "MB", "GB"];
    let i = 0;
    while (n >= 1000 && i < 3) { n /= 1000; i++; }
    return (n < 10 && i ? n.toFixed(1) : Math.round(n)) + " " + u[i];
  }
  function nice(max) {
    if (max <= 0) return 1;
    const p = Math.pow(10, Math.floor(Math.log10(max)));
    return [1, 2, 2.5, 5, 10].map(f => f * p).find(v => v >= max * 0.999);
  }

  // --- the whole run -----------------------------------------------------
  const X = us => LEFT + (W - LEFT - RIGHT) * us / D.end;
  let cursors = [];
  function axis(g, y, label) {
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400].map(s => s * 1e6).find(s => D.end / s <= W / 95) || D.end / 10;
    for (let t = 0; t <= D.end; t += step) {
      el(g, "line", { class: "axis", x1: X(t), x2: X(t), y1: 0, y2: y });
      if (label) el(g, "text", { x: X(t), y: y + 13, "text-anchor": t === 0 ? "start" : X(t) > W - RIGHT - 20 ? "end" : "middle" }, time(t));
    }
  }
  const withCursor = (g, height) => cursors.push(el(g, "line", { class: "cursorline", x1: X(0), x2: X(0), y1: 0, y2: height }));
  for (const id of ["lanes", "divergence", "staleness", "bytes"]) {
    $(id).addEventListener("pointermove", e => {
      const box = $(id).getBoundingClientRect();
      const t = ((e.clientX - box.left) / box.width * W - LEFT) / (W - LEFT - RIGHT) * D.end;
      setCursor(Math.max(0, Math.min(D.end, t)));
    });
    $(id).addEventListener("click", () => { showWindow(now - span / 2, span); });
  }

  function drawLanes() {
    const row = 20, gap = 10, top = 18;
    let y = top;
    const ys = [], regions = [];
    D.regions.forEach((name, i) => {
      const start = y;
      D.lanes.forEach((l, k) => { if (l.region === name) { ys[k] = y + row / 2; y += row; } });
      regions[i] = [start, y];
      y += gap;
    });
    const h = y + 16, g = svg("lanes", h, true);
    axis(g, y, true);
    D.phases.forEach((p, i) => {
      const room = (i + 1 < D.phases.length ? X(D.phases[i + 1].at) : W) - X(p.at);
      if (room > 7 * p.name.length) el(g, "text", { x: X(p.at) + 3, y: 11 }, p.name);
    });
    D.phases.forEach(p => el(g, "line", { class: "axis", x1: X(p.at), x2: X(p.at), y1: 0, y2: y, "stroke-width": 2 }));
    for (const b of D.bands) {
      if (b.group !== "net") continue;
      for (const r of b.regions.length ? b.regions : D.regions.map((_, i) => i)) {
        const [a, z] = regions[r];
        const e = el(g, "rect", { x: X(b.from), y: a, width: Math.max(2, X(b.to) - X(b.from)), height: z - a, fill: b.severs ? "var(--cut)" : "var(--impair)", opacity: b.severs ? 0.24 : 0.18 });
        el(e, "title", {}, `${b.text}, ${time(b.from)} to ${time(b.to)}`);
      }
    }
    D.regions.forEach((name, i) => {
      if (regions[i][0] === regions[i][1]) return;
      el(g, "text", { class: "name", x: 4, y: (regions[i][0] + regions[i][1]) / 2 + 4, "font-weight": 700 }, name);
    });
    D.lanes.forEach((l, k) => {
      el(g, "line", { class: "rail", x1: LEFT, x2: W - RIGHT, y1: ys[k], y2: ys[k] });
      el(g, "text", { x: LEFT - 6, y: ys[k] + 4, "text-anchor": "end" }, l.name.slice(l.region.length + 1));
      for (const d of l.down) {
        const to = d.to < 0 ? D.end : d.to;
        el(el(g, "rect", { x: X(d.from), y: ys[k] - 4, width: Math.max(3, X(to) - X(d.from)), height: 8, fill: "var(--ink)" }), "title", {}, `${l.name} ${d.why}: ${time(d.from)} to ${time(to)}`);
      }
      const c = l.clock;
      const big = Math.max(1, ...c.map(p => Math.abs(p[1])));
      for (let i = 0; i + 1 < c.length; i++) {
        if (Math.abs(c[i][1]) <= 20) continue;
        const tall = 2 + 7 * Math.min(1, Math.abs(c[i][1]) / big);
        el(el(g, "rect", { x: X(c[i][0]), y: c[i][1] > 0 ? ys[k] - tall : ys[k], width: Math.max(1, X(c[i + 1][0]) - X(c[i][0])), height: tall, fill: "var(--c3)", opacity: 0.75 }), "title", {}, `${l.name}: clock ${c[i][1] > 0 ? "ahead" : "behind"} by ${Math.abs(c[i][1])} ms`);
      }
    });
    violations.forEach(v => {
      const k = D.lanes.findIndex(l => l.name === v.node);
      el(el(g, "circle", { class: "vmark", cx: X(v.at), cy: k < 0 ? 8 : ys[k], r: 6 }), "title", {}, `${v.oracle} at ${time(v.at)}: ${v.what}`);
    });
    withCursor(g, y);
  }

  function frame(id, max, unit) {
    const h = 96, g = svg(id, h + 4, true);
    axis(g, h, false);
    const Y = v => h - 4 - (h - 14) * v / max;
    for (const f of [0, 0.5, 1]) {
      el(g, "line", { class: "axis", x1: LEFT, x2: W - RIGHT, y1: Y(max * f), y2: Y(max * f) });
      el(g, "text", { x: LEFT - 6, y: Y(max * f) + 4, "text-anchor": "end" }, unit(max * f));
    }
    let drawn = -9;
    for (const x of violations.map(v => X(v.at)).sort((a, b) => a - b)) {
      if (x - drawn < 6) continue;
      el(g, "line", { class: "vline thin", x1: x, x2: x, y1: 0, y2: h });
      drawn = x;
    }
    return { g, Y, h };
  }
  function drawLine(id, values, unit) {
    const { g, Y, h } = frame(id, nice(Math.max(0, ...values)), unit);
    const pts = D.samples.at.map((t, i) => `${X(t).toFixed(1)},${Y(values[i]).toFixed(1)}`);
    if (pts.length) {
      el(g, "polygon", { class: "fill1", points: `${X(D.samples.at[0])},${Y(0)} ${pts.join(" ")} ${X(D.samples.at[pts.length - 1])},${Y(0)}` });
      el(g, "polyline", { class: "line1", points: pts.join(" ") });
    }
    withCursor(g, h);
  }
  function rates() {
    const s = D.samples, out = {};
    for (const c of Object.keys(s.bytes).sort((a, b) => classes.indexOf(a) - classes.indexOf(b))) {
      out[c] = s.bytes[c].map((n, i) => n / Math.max(1e-3, (s.at[i] - (i ? s.at[i - 1] : 0)) / 1e6));
      if (out[c].length > 1) out[c][0] = out[c][1];
    }
    return out;
  }
  const rate = rates();
  function drawBytes() {
    const at = D.samples.at, sums = at.map((_, i) => Object.values(rate).reduce((a, r) => a + r[i], 0));
    const { g, Y, h } = frame("bytes", nice(Math.max(0, ...sums)), v => bytes(v));
    let base = at.map(() => 0);
    for (const c in rate) {
      const top = base.map((b, i) => b + rate[c][i]);
      const up = at.map((t, i) => `${X(t).toFixed(1)},${Y(top[i]).toFixed(1)}`);
      const down = at.map((t, i) => `${X(t).toFixed(1)},${Y(base[i]).toFixed(1)}`).reverse();
      el(g, "polygon", { class: "area", fill: colour(c), points: up.concat(down).join(" ") });
      base = top;
    }
    $("legend").replaceChildren();
    for (const c in rate) {
      const item = document.createElement("span"), swatch = document.createElement("i");
      swatch.style.background = colour(c);
      item.append(swatch, c);
      $("legend").append(item);
    }
    withCursor(g, h);
  }

  let now = 0;
  function setCursor(us) {
    now = us;
    for (const c of cursors) { c.setAttribute("x1", X(us)); c.setAttribute("x2", X(us)); }
    $("cursor").value = Math.round(us / D.end * 1000);
    $("cursor").setAttribute("aria-valuetext", time(us));
    const at = D.samples.at;
    let i = 0;
    while (i + 1 < at.length && at[i + 1] <= us) i++;
    const phase = D.phases.filter(p => p.at <= us).pop();
    const faults = D.bands.filter(b => b.from <= us && us < b.to).map(b => b.text);
    let text = `${time(us)}, ${phase ? phase.name : ""}`;
    if (at.length) {
      const sum = Object.values(rate).reduce((a, r) => a + r[i], 0);
      text += ` · ${D.samples.divergent[i]} partitions differ · staleness ${time(D.samples.stale[i])} · ${bytes(sum)}/s`;
    }
    $("readout").textContent = text + (faults.length ? " · " + faults.join("; ") : "");
  }
  $("cursor").addEventListener("input", e => setCursor(e.target.value / 1000 * D.end));

  // --- space and time ----------------------------------------------------
  let from = 0, span = D.end, chosen = -1, filter = "", shown = [], nextViolation = 0;
  const has = m => (m.k || []).length > 0;
  const wanted = m => filter ? (m.k || []).includes(filter) : ($("quiet").checked || has(m));
  const maxShown = 400;

  function showWindow(start, length) {
    span = Math.max(200, Math.min(D.end * 1.02, length));
    from = Math.max(-span * 0.05, Math.min(D.end - span * 0.95, start));
    drawSpaceTime();
  }
  function describe(m) {
    const keys = has(m) ? ` · keys ${m.k.join(", ")}${m.m ? " and " + m.m + " more" : ""}` : "";
    const end = m.l ? `lost after ${time(m.b - m.a)}: ${m.l}` : `arrived after ${time(m.b - m.a)}`;
    return `${m.c}, ${m.s} bytes · ${D.lanes[m.f].name} → ${D.lanes[m.t].name} · sent ${precise(m.a)}, ${end}${keys}`;
  }
  function choose(i, scroll) {
    chosen = i;
    document.querySelectorAll("[data-i]").forEach(e => e.classList.toggle("on", +e.dataset.i === i));
    $("detail").textContent = i < 0 ? "Nothing is chosen." : describe(messages[i]);
    if (scroll) { const r = document.querySelector(`#rows [data-i="${i}"]`); if (r) r.scrollIntoView({ block: "nearest" }); }
  }
  function drawSpaceTime() {
    const row = D.lanes.length > 14 ? 24 : 36, top = 24, h = top + D.lanes.length * row + 20;
    const g = svg("spacetime", h, false);
    const TX = us => LEFT + (W - LEFT - RIGHT) * (us - from) / span, LY = k => top + k * row + row / 2;
    const inside = us => us >= from && us <= from + span;
    for (const b of D.bands) {
      if (!b.severs || b.to < from || b.from > from + span) continue;
      el(el(g, "rect", { x: Math.max(LEFT, TX(b.from)), y: top - 4, width: Math.max(1, Math.min(W - RIGHT, TX(b.to)) - Math.max(LEFT, TX(b.from))), height: h - top - 16, fill: "var(--cut)", opacity: 0.1 }), "title", {}, b.text);
    }
    const ticks = W < 700 ? 3 : 6;
    for (let i = 0; i <= ticks; i++) {
      const t = from + span * i / ticks;
      el(g, "line", { class: "axis", x1: TX(t), x2: TX(t), y1: top - 6, y2: h - 18 });
      el(g, "text", { x: TX(t), y: 12, "text-anchor": i === 0 ? "start" : i === ticks ? "end" : "middle" }, span < 2e6 ? precise(t) : time(t));
    }
    D.lanes.forEach((l, k) => {
      el(g, "line", { class: "rail", x1: LEFT, x2: W - RIGHT, y1: LY(k), y2: LY(k) });
      el(g, "text", { class: "name", x: LEFT - 6, y: LY(k) + 4, "text-anchor": "end" }, l.name);
      for (const d of l.down) {
        const a = Math.max(from, d.from), z = Math.min(from + span, d.to < 0 ? D.end : d.to);
        if (z > a) el(el(g, "rect", { x: TX(a), y: LY(k) - 5, width: TX(z) - TX(a), height: 10, fill: "var(--ink)", opacity: 0.75 }), "title", {}, `${l.name} ${d.why}`);
      }
    });
    shown = [];
    const centre = D.focus.at;
    messages.forEach((m, i) => { if (wanted(m) && m.b >= from && m.a <= from + span) shown.push(i); });
    const all = shown.length;
    if (all > maxShown) {
      const far = i => Math.abs((messages[i].a + messages[i].b) / 2 - Math.max(from, Math.min(from + span, centre)));
      shown = shown.sort((a, b) => far(a) - far(b)).slice(0, maxShown).sort((a, b) => a - b);
    }
    const clip = el(g, "clipPath", { id: "inside" });
    el(clip, "rect", { x: LEFT, y: 0, width: W - LEFT - RIGHT, height: h });
    const field = el(g, "g", { "clip-path": "url(#inside)" });
    for (const i of shown) drawMessage(field, i, TX, LY);
    for (const o of ops) {
      if (!inside(o.a) || (filter && o.k !== filter)) continue;
      const e = el(field, "rect", { x: TX(o.a) - 4, y: LY(o.n) - 4, width: 8, height: 8, fill: o.o ? "var(--ink)" : "var(--panel)", stroke: "var(--ink)", "stroke-width": 1.5 });
      el(e, "title", {}, `${o.x} at ${D.lanes[o.n].name}, ${precise(o.a)}${o.o ? ", stamp " + o.o : ""}`);
      e.addEventListener("pointerenter", () => { $("detail").textContent = e.textContent; });
    }
    violations.forEach(v => {
      if (!inside(v.at)) return;
      const k = D.lanes.findIndex(l => l.name === v.node);
      el(field, "line", { class: "vline", x1: TX(v.at), x2: TX(v.at), y1: top - 6, y2: h - 18 });
      if (k >= 0) el(el(field, "circle", { class: "vmark", cx: TX(v.at), cy: LY(k), r: 8 }), "title", {}, `${v.oracle}: ${v.what}`);
    });
    $("window").textContent = `${time(Math.max(0, from))} to ${time(Math.min(D.end, from + span))} · ${shown.length} of ${all} messages`;
    fillTable(all);
    choose(shown.includes(chosen) ? chosen : -1);
  }
  function drawMessage(g, i, TX, LY) {
    const m = messages[i], x1 = TX(m.a), x2 = TX(m.b), y1 = LY(m.f), y2 = LY(m.t);
    const end = m.l ? 0.7 : 1, ex = x1 + (x2 - x1) * end, ey = y1 + (y2 - y1) * end;
    const line = el(g, "line", { class: "msg" + (m.l ? " lost" : ""), x1, y1, x2: ex, y2: ey, stroke: m.l ? "var(--cut)" : colour(m.c), "data-i": i });
    const a = Math.atan2(ey - y1, ex - x1);
    const d = m.l ? `M${ex - 4},${ey - 4}l8,8m0,-8l-8,8` : `M${ex - 7 * Math.cos(a - 0.4)},${ey - 7 * Math.sin(a - 0.4)}L${ex},${ey}L${ex - 7 * Math.cos(a + 0.4)},${ey - 7 * Math.sin(a + 0.4)}`;
    el(g, "path", { d, fill: "none", stroke: line.getAttribute("stroke"), "stroke-width": 1.4 });
    const hit = el(g, "line", { class: "hit", x1, y1, x2: ex, y2: ey });
    el(hit, "title", {}, describe(m));
    hit.addEventListener("pointerenter", () => choose(i));
    hit.addEventListener("click", () => choose(i, true));
  }
  const maxRows = 200;
  function fillTable(all) {
    const rows = $("rows");
    rows.replaceChildren();
    for (const i of shown.slice(0, maxRows)) {
      const m = messages[i], tr = document.createElement("tr");
      tr.dataset.i = i;
      tr.tabIndex = 0;
      for (const text of [precise(m.a), D.lanes[m.f].name, D.lanes[m.t].name, m.c, m.s, m.l ? "lost: " + m.l : precise(m.b), (m.k || []).join(", ") + (m.m ? ` and ${m.m} more` : "")]) {
        tr.appendChild(document.createElement("td")).textContent = text;
      }
      tr.addEventListener("click", () => choose(i));
      tr.addEventListener("focus", () => choose(i));
      rows.appendChild(tr);
    }
    $("listed").textContent = `${Math.min(shown.length, maxRows)} of ${all} messages of this window`;
  }

  // --- moving about ------------------------------------------------------
  // around finds a window in which the messages nearest to a moment are seen.
  function around(at, key) {
    const near = messages.filter(m => key ? (m.k || []).includes(key) : true).map(m => Math.abs(m.b - at)).sort((a, b) => a - b);
    const reach = near.length ? near[Math.min(Math.floor(near.length * 0.6), 24)] : 1e6;
    const half = Math.max(20e3, Math.min(2e6, reach * 1.15));
    showWindow(at - half * 1.5, half * 2);
  }
  function jump(i) {
    const v = violations[i];
    nextViolation = violations.length ? (i + 1) % violations.length : 0;
    const at = v ? v.at : D.focus.at, key = v && v.key && messages.some(m => (m.k || []).includes(v.key)) ? v.key : "";
    filter = $("key").value = key;
    setCursor(at);
    around(at, key);
    $("detail").textContent = v ? `${v.oracle} at ${precise(v.at)}${v.node ? " on " + v.node : ""}: ${v.what}` : D.focus.what;
    document.body.dataset.jumped = String(i);
  }
  function fromHash() {
    const m = /^#v(?:iolation)?(\d*)$/.exec(location.hash);
    if (!m) return false;
    jump(m[1] ? Math.max(0, Math.min(violations.length - 1, m[1] - 1)) : 0);
    $("diagram").scrollIntoView();
    return true;
  }
  $("jump").addEventListener("click", () => jump(nextViolation));
  if (!violations.length) $("jump").textContent = "Jump to " + D.focus.what.split(":")[0];
  $("earlier").addEventListener("click", () => showWindow(from - span / 4, span));
  $("later").addEventListener("click", () => showWindow(from + span / 4, span));
  $("closer").addEventListener("click", () => showWindow(from + span / 4, span / 2));
  $("wider").addEventListener("click", () => showWindow(from - span / 2, span * 2));
  $("quiet").addEventListener("change", drawSpaceTime);
  $("key").addEventListener("input", () => { filter = $("key").value.trim(); drawSpaceTime(); });
  $("spacetime").addEventListener("keydown", e => {
    const act = { ArrowLeft: "earlier", ArrowRight: "later", "+": "closer", "=": "closer", "-": "wider", v: "jump" }[e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    $(act).click();
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  if ($("copy")) $("copy").addEventListener("click", () => { if (navigator.clipboard) navigator.clipboard.writeText($("token").textContent).then(() => { $("copy").textContent = "copied"; }, () => {}); });
  window.addEventListener("hashchange", fromHash);

  const names = new Set();
  messages.forEach(m => (m.k || []).forEach(k => names.add(k)));
  [...names].sort().slice(0, 2000).forEach(k => { const o = document.createElement("option"); o.value = k; $("keys").appendChild(o); });
  function draw() {
    W = Math.max(320, Math.min(1120, $("lanes").clientWidth || 1120));
    cursors = [];
    drawLanes();
    drawLine("divergence", D.samples.divergent, v => String(Math.round(v * 10) / 10));
    drawLine("staleness", D.samples.stale, time);
    drawBytes();
    setCursor(now);
    drawSpaceTime();
  }
  let drawnFor = 0;
  window.addEventListener("resize", () => {
    if ($("lanes").clientWidth !== drawnFor) { drawnFor = $("lanes").clientWidth; draw(); }
  });
  draw();
  drawnFor = $("lanes").clientWidth;
  if (!fromHash()) { jump(0); nextViolation = 0; }
  document.body.dataset.ready = "true";
})();
