// See html_assets.h.
#include "sim/report/html_assets.h"

namespace plumbline {

const std::string_view kHtmlStyle = R"css(
:root { color-scheme: light; --ink: #16191f; --dim: #5b616c; --line: #e3e6ea; --good: #1d7a3a; --bad: #c0392b; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1280px; padding: 24px 28px 60px; color: var(--ink); background: #fff;
  font: 14px/1.5 "DejaVu Sans", Helvetica, Arial, sans-serif; }
h1 { font-size: 22px; margin: 0 0 2px; }
h2 { font-size: 16px; margin: 34px 0 10px; border-bottom: 1px solid var(--line); padding-bottom: 4px; }
.dim { color: var(--dim); }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: bold; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin-top: 18px; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; }
.card b { display: block; font-size: 22px; font-weight: 600; }
.card span { color: var(--dim); font-size: 12.5px; }
.stack { display: flex; height: 34px; border-radius: 4px; overflow: hidden; margin: 6px 0 10px; }
.stack div { min-width: 1px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 14px 3px 0; text-align: left; white-space: nowrap; }
th { color: var(--dim); font-weight: normal; border-bottom: 1px solid var(--line); position: sticky; top: 0; background: #fff; }
td.n, th.n { text-align: right; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 8px; vertical-align: -1px; }
.scroll { max-height: 420px; overflow: auto; }
.bar { display: inline-block; height: 11px; background: #4477aa; border-radius: 2px; vertical-align: -1px; }
#timeline { position: relative; user-select: none; }
#timeline svg { display: block; max-width: 100%; height: auto; }
#timeline.live svg { cursor: grab; height: unset; }
#timeline button { font: inherit; padding: 1px 10px; margin-right: 4px; }
#tip { position: fixed; display: none; pointer-events: none; background: #16191f; color: #fff; padding: 6px 10px;
  border-radius: 4px; font-size: 12.5px; white-space: pre; z-index: 2; }
li { margin: 3px 0; max-width: 110ch; }
)css";

const std::string_view kHtmlScript = R"js(
(() => {
  const data = JSON.parse(document.getElementById('timeline-data').textContent);
  const host = document.getElementById('timeline'), tip = document.getElementById('tip');
  if (!data.rows.length || data.end <= 0) return;
  const NS = 'http://www.w3.org/2000/svg';
  const left = 78, right = 18, top = 8;
  const n = data.rows.length;
  const hasData = data.rows.some(r => r.d.length);
  const pitch = Math.max(9, Math.min(34, 620 / n)), gap = pitch > 12 ? 4 : 1;
  const lane = hasData ? Math.max(2, 0.2 * (pitch - gap)) : 0, high = pitch - gap - lane;
  let from = 0, to = data.end, drag = null, followed = -1;

  host.classList.add('live');
  host.innerHTML = '<p class="dim"><button data-z="0.5" title="zoom in">+</button>' +
    '<button data-z="2" title="zoom out">&minus;</button><button data-z="0">whole step</button> ' +
    'wheel zooms, dragging moves, a micro-batch under the pointer is followed through the pipeline</p>';
  const svg = document.createElementNS(NS, 'svg');
  host.appendChild(svg);

  const time = ns => ns >= 1e9 ? (ns / 1e9).toFixed(4) + ' s' : ns >= 1e6 ? (ns / 1e6).toFixed(3) + ' ms'
    : (ns / 1e3).toFixed(3) + ' \u00b5s';
  const width = () => Math.max(400, host.clientWidth);
  const scale = () => (width() - left - right) / (to - from);

  // Bars are [kind, chunk, stage, microbatch, start, length, waited for].
  const firstVisible = bars => {
    let lo = 0, hi = bars.length;
    while (lo < hi) { const mid = (lo + hi) >> 1; if (bars[mid][4] < from) lo = mid + 1; else hi = mid; }
    while (lo > 0 && bars[lo - 1][4] + bars[lo - 1][5] > from) --lo;
    return lo;
  };
  // Bars too narrow to draw are blended in proportion to their time, as in the still picture.
  const idle = [0xf4, 0xf5, 0xf7], binPixels = 4;
  const rgb = data.colours.map(kind => kind.map(c => [1, 3, 5].map(i => parseInt(c.substr(i, 2), 16))));
  const blend = (bins, b, s) => {
    const x0 = Math.max(0, (b[4] - from) * s / binPixels);
    const x1 = Math.min((to - from) * s / binPixels, (b[4] + b[5] - from) * s / binPixels);
    const colour = rgb[b[0]][b[1]];
    for (let bin = Math.floor(x0); bin < x1; ++bin) {
      const part = Math.min(x1, bin + 1) - Math.max(x0, bin);
      bins[4 * bin] += part;
      for (let c = 0; c < 3; ++c) bins[4 * bin + 1 + c] += part * colour[c];
    }
  };
  const drawBins = (out, bins, y, h) => {
    let begin = 0, fill = '';
    for (let bin = 0; 4 * bin <= bins.length; ++bin) {
      const filled = bins[4 * bin] || 0;
      let here = '';
      if (filled > 0.03) {
        const mixed = idle.map((grey, c) => bins[4 * bin + 1 + c] / Math.max(1, filled) +
          Math.max(0, 1 - filled) * grey);
        here = 'rgb(' + mixed.map(v => Math.min(255, 8 * Math.round(v / 8))).join(',') + ')';
      }
      if (here === fill) continue;
      if (fill) out.push('<rect x="' + (left + binPixels * begin) + '" y="' + y.toFixed(2) + '" width="' +
        binPixels * (bin - begin) + '" height="' + h.toFixed(2) + '" fill="' + fill + '"/>');
      begin = bin;
      fill = here;
    }
  };
  const drawBars = (out, r, lane_name, y, h) => {
    const bars = data.rows[r][lane_name], s = scale();
    let bins = null;
    for (let i = firstVisible(bars); i < bars.length && bars[i][4] < to; ++i) {
      const b = bars[i];
      const x0 = left + Math.max(0, (b[4] - from) * s);
      const x1 = left + Math.min(to - from, b[4] + b[5] - from) * s;
      if (b[5] * s < 2.5) {
        bins = bins || new Float64Array(4 * (Math.ceil((width() - left - right) / binPixels) + 1));
        blend(bins, b, s);
        continue;
      }
      const next = bars[i + 1], last = bars[i - 1];
      const shares = last && b[4] + 1 < last[4] + last[5];
      const half = shares || (next && next[4] + 1 < b[4] + b[5]);
      const bh = half ? h / 2 : h, by = shares ? y + bh : y;
      const w = x1 - x0 - (x1 - x0 > 4 ? 0.6 : 0);
      out.push('<rect x="' + x0.toFixed(2) + '" y="' + by.toFixed(2) + '" width="' + w.toFixed(2) + '" height="' +
        bh.toFixed(2) + '" fill="' + data.colours[b[0]][b[1]] + '" data-b="' + r + ',' + lane_name + ',' + i +
        '" data-m="' + (b[0] < 4 ? b[3] : -1) + '"/>');
      const label = String(b[3]), size = Math.min(11, bh * 0.72, (w - 3) / (0.64 * label.length));
      if (b[0] < 4 && size >= 6.5)
        out.push('<text x="' + (x0 + w / 2).toFixed(1) + '" y="' + (by + bh / 2 + 0.36 * size).toFixed(1) +
          '" text-anchor="middle" font-size="' + size.toFixed(1) + '" pointer-events="none" fill="' +
          data.inks[b[0]][b[1]] + '">' + label + '</text>');
    }
    if (bins) drawBins(out, bins, y, h);
  };
  const drawAxis = (out, y) => {
    const span = to - from, rough = span / 9, power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map(f => f * power).find(f => f >= rough);
    const [unit, name] = data.end >= 1e9 ? [1e9, 's'] : data.end >= 1e6 ? [1e6, 'ms'] : [1e3, '\u00b5s'];
    const digits = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
      const x = (left + (t - from) * scale()).toFixed(1);
      out.push('<line x1="' + x + '" x2="' + x + '" y1="' + (top - 4) + '" y2="' + (y + 4) + '" stroke="#d8dce2"/>' +
        '<text x="' + x + '" y="' + (y + 17) + '" text-anchor="middle" font-size="11" fill="#555b66">' +
        (t / unit).toFixed(digits) + ' ' + name + '</text>');
    }
  };
  const draw = () => {
    const w = width(), bottom = top + n * pitch, out = [];
    svg.setAttribute('width', w);
    svg.setAttribute('height', bottom + 26);
    svg.setAttribute('viewBox', '0 0 ' + w + ' ' + (bottom + 26));
    for (let r = 0; r < n; ++r)
      out.push('<rect x="' + left + '" y="' + (top + r * pitch) + '" width="' + (w - left - right) + '" height="' +
        (pitch - gap) + '" fill="#f4f5f7"/>');
    drawAxis(out, bottom);
    const every = Math.ceil(11 / pitch);
    for (let r = 0; r < n; ++r) {
      const y = top + r * pitch;
      if (r % every === 0)
        out.push('<text x="' + (left - 8) + '" y="' + (y + (pitch - gap) / 2 + 4) +
          '" text-anchor="end" font-size="11" fill="#333842">' + data.rows[r].label + '</text>');
      drawBars(out, r, 'b', y, high);
      if (lane) drawBars(out, r, 'd', y + high, lane);
    }
    svg.innerHTML = out.join('');
    followed = -1;
  };
  const zoom = (factor, at) => {
    if (factor === 0) { from = 0; to = data.end; return draw(); }
    const span = Math.max(1000, Math.min(data.end, (to - from) * factor));
    const part = (at - from) / (to - from);
    from = Math.max(0, Math.min(data.end - span, at - part * span));
    to = from + span;
    draw();
  };
  const timeAt = event => from + (event.clientX - svg.getBoundingClientRect().left - left) / scale();
  const follow = microbatch => {
    if (microbatch === followed) return;
    followed = microbatch;
    for (const rect of svg.querySelectorAll('rect[data-m]'))
      rect.setAttribute('opacity', microbatch < 0 || +rect.dataset.m === microbatch ? 1 : 0.35);
  };

  svg.addEventListener('wheel', e => { e.preventDefault(); zoom(e.deltaY > 0 ? 1.25 : 0.8, timeAt(e)); },
    { passive: false });
  svg.addEventListener('dblclick', () => zoom(0));
  svg.addEventListener('pointerdown', e => { drag = { x: e.clientX, from, to }; svg.setPointerCapture(e.pointerId); });
  svg.addEventListener('pointerup', () => { drag = null; });
  svg.addEventListener('pointermove', e => {
    if (drag && Math.abs(e.clientX - drag.x) > 2) {
      const span = drag.to - drag.from;
      from = Math.max(0, Math.min(data.end - span, drag.from - (e.clientX - drag.x) / scale()));
      to = from + span;
      tip.style.display = 'none';
      return draw();
    }
    const rect = document.elementFromPoint(e.clientX, e.clientY);
    const which = rect && rect.dataset && rect.dataset.b;
    if (!which) { tip.style.display = 'none'; return follow(-1); }
    const [r, name, i] = which.split(',');
    const b = data.rows[+r][name][+i];
    const op = b[0] < 4 ? b[2] + 'FBIW'[b[0]] + b[3] + '  ' : '';
    let text = op + data.kinds[b[0]] + ', ' + data.rows[+r].label;
    if (b[0] < 4) text += '\nstage ' + b[2] + ', chunk ' + b[1] + ', micro-batch ' + b[3];
    text += '\n' + time(b[4]) + ' to ' + time(b[4] + b[5]) + '  (' + time(b[5]) + ')';
    if (b[6]) text += '\nthe rank was idle before it, waiting for ' + b[6];
    tip.textContent = text;
    tip.style.display = 'block';
    tip.style.left = Math.min(e.clientX + 14, window.innerWidth - tip.offsetWidth - 8) + 'px';
    tip.style.top = (e.clientY + 16) + 'px';
    follow(b[0] < 4 ? b[3] : -1);
  });
  svg.addEventListener('pointerleave', () => { tip.style.display = 'none'; follow(-1); });
  host.addEventListener('click', e => {
    if (e.target.dataset.z !== undefined) zoom(+e.target.dataset.z, (from + to) / 2);
  });
  window.addEventListener('resize', draw);
  draw();
})();
)js";

}  // namespace plumbline
