// Charts of data_visualization blocks as SVG. All figures are numbers from JSON and all words
// become text nodes.
import { el } from './dom.js';

// The colours are in style.css, by number.
const colour = (i) => 'k' + (i % 6);

function svg(tag, attrs, ...kids) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
  e.append(...kids);
  return e;
}

export const figure = (n) => (Math.abs(n) >= 1000 ? Math.round(n).toLocaleString('en') : String(Math.round(n * 100) / 100));

// nice is a round number at or above n, for the steps of an axis.
export function nice(n) {
  if (n <= 0) return 1;
  const p = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 2.5, 5, 10].map((k) => k * p).find((k) => k >= n * 0.9999);
}

export function chart(b) {
  const c = b.chart || {};
  const series = c.segments ? c.segments.map((s) => ({ name: s.label, data: [s] })) : c.series || [];
  const drawn = c.type === 'pie' ? pie(c.segments) : plot(c);
  drawn.setAttribute('role', 'img');
  drawn.setAttribute('aria-label', b.title + '. ' + series.map((s) => s.name + ': ' + s.data.map((p) => figure(p.value)).join(', ')).join('. '));
  const legend = series.length > 1 || c.type === 'pie' ? el('div', 'legend', ...series.map((s, i) => el('span', '', el('i', colour(i)), s.name + (c.type === 'pie' ? ' ' + figure(s.data[0].value) : '')))) : null;
  return el('figure', 'chart', el('figcaption', '', b.title), drawn, legend);
}

function plot(c) {
  const W = 560, H = 190, R = 10, T = 10, B = c.axis_config?.x_label ? 40 : 26;
  const cats = c.axis_config?.categories || [];
  const values = c.series.flatMap((s) => s.data.map((p) => p.value));
  const low = Math.min(0, ...values), high = Math.max(0, ...values);
  const unit = nice((high - low) / 4);
  const top = Math.max(unit, Math.ceil(high / unit - 1e-9) * unit), bottom = Math.floor(low / unit + 1e-9) * unit;
  const wide = matchMedia('(max-width: 720px)').matches ? 10 : 7; // of a character: style.css has larger ones for phones
  const ticks = Array.from({ length: Math.round((top - bottom) / unit) + 1 }, (_, i) => bottom + i * unit);
  const L = 8 + wide * (Math.max(...ticks.map((v) => figure(v).length)) + (c.axis_config?.y_label ? 2 : 0)); // beside the figures is their unit
  const y = (v) => T + (H - T - B) * (1 - (v - bottom) / (top - bottom));
  const step = (W - L - R) / Math.max(1, cats.length);
  const x = (i) => L + step * (i + 0.5);
  const out = svg('svg', { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: 'xMidYMid meet' });
  for (const v of ticks) {
    out.append(svg('line', { x1: L, x2: W - R, y1: y(v), y2: y(v), class: 'grid' }), svg('text', { x: L - 6, y: y(v) + 4, class: 'tick end' }, figure(v)));
  }
  const every = Math.ceil(cats.length / Math.max(1, Math.floor((W - L - R) / (10 + wide * Math.max(...cats.map((k) => k.length), 1)))));
  cats.forEach((k, i) => { if (i % every === 0) out.append(svg('text', { x: x(i), y: H - B + 16, class: 'tick mid' }, k)); });
  if (c.axis_config?.x_label) out.append(svg('text', { x: (L + W) / 2, y: H - 6, class: 'tick mid' }, c.axis_config.x_label));
  if (c.axis_config?.y_label) out.append(svg('text', { x: 0, y: 0, transform: `translate(${wide * 1.5} ${(T + H - B) / 2}) rotate(-90)`, class: 'tick mid' }, c.axis_config.y_label));
  c.series.forEach((s, n) => {
    const k = colour(n);
    const at = s.data.map((p) => [x(cats.indexOf(p.label)), y(p.value)]);
    const tip = (p) => svg('title', {}, `${s.name}, ${p.label}: ${figure(p.value)}`);
    if (c.type === 'bar') {
      const w = (step * 0.7) / c.series.length;
      s.data.forEach((p, i) => out.append(svg('rect', { x: at[i][0] - step * 0.35 + n * w, width: w, y: Math.min(at[i][1], y(0)), height: Math.abs(at[i][1] - y(0)), class: 'fill ' + k }, tip(p))));
      return;
    }
    const path = at.map(([a, b], i) => (i ? 'L' : 'M') + a.toFixed(1) + ' ' + b.toFixed(1)).join('');
    if (c.type === 'area') out.append(svg('path', { d: `${path}L${at[at.length - 1][0]} ${y(0)}L${at[0][0]} ${y(0)}Z`, class: 'area ' + k }));
    out.append(svg('path', { d: path, class: 'line ' + k }));
    s.data.forEach((p, i) => out.append(svg('circle', { cx: at[i][0], cy: at[i][1], r: 2.6, class: 'fill ' + k }, tip(p))));
  });
  return out;
}

function pie(segments) {
  const sum = segments.reduce((n, s) => n + s.value, 0);
  const out = svg('svg', { viewBox: '-100 -100 200 200', class: 'pie' });
  let from = -Math.PI / 2;
  segments.forEach((s, i) => {
    const to = from + (2 * Math.PI * s.value) / sum;
    const p = (a) => `${(95 * Math.cos(a)).toFixed(2)} ${(95 * Math.sin(a)).toFixed(2)}`;
    const tip = svg('title', {}, `${s.label}: ${figure(s.value)}`);
    const k = 'fill ' + colour(i);
    out.append(segments.length === 1 ? svg('circle', { r: 95, class: k }, tip) : svg('path', { d: `M0 0L${p(from)}A95 95 0 ${to - from > Math.PI ? 1 : 0} 1 ${p(to)}Z`, class: k }, tip));
    from = to;
  });
  return out;
}
