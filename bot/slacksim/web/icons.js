// The page's icons, drawn: a sign of a font is missing on some machines.

const PATHS = {
  reply: 'M4 5h16v11H11l-4 4v-4H4z',
  quote: 'M5 6v12M9 8h11M9 12h11M9 16h7',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  forward: 'M14 5l6 6-6 6M20 11H9a5 5 0 0 0-5 5v2',
  edit: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  remove: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5',
  attach: 'M12 5v14M5 12h14',
  mic: 'M12 4a3 3 0 0 1 3 3v4a3 3 0 0 1-6 0V7a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v3',
  stop: 'M7 7h10v10H7z',
  lock: 'M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3',
  search: 'M11 5a6 6 0 1 1 0 12a6 6 0 0 1 0-12zM15.5 15.5L20 20',
  good: 'M8 11v9H4v-9zM8 19h9a2 2 0 0 0 2-1.600l1-5A2 2 0 0 0 18 10h-4l1-4a2 2 0 0 0-3-2l-4 7',
  bad: 'M8 13V4H4v9zM8 5h9a2 2 0 0 1 2 1.600l1 5A2 2 0 0 1 18 14h-4l1 4a2 2 0 0 1-3 2l-4-7',
};

// icon returns one as a node.
export function icon(name, wide = 18) {
  const make = (tag, attributes) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  };
  const e = make('svg', { viewBox: '0 0 24 24', width: wide, height: wide, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.8, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' });
  e.append(make('path', { d: PATHS[name] }));
  return e;
}
