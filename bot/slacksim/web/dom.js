// Nodes of the document. Text only ever becomes text nodes; nothing here parses HTML.

export const $ = (id) => document.getElementById(id);

export function el(tag, cls, ...kids) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  e.append(...kids.filter((k) => k !== null && k !== undefined && k !== ''));
  return e;
}
