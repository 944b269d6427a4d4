// The bookkeeping that keeps nodes which did not change.

// sync makes parent hold the nodes that specs describe: {key, sig, make(), update(node)}. A node whose sig is the same is left
// alone, not even moved: a button that is being pressed stays the same button while the text above it grows.
export function sync(parent, specs) {
  const old = parent.kids || new Map();
  const kids = new Map();
  for (const s of specs) {
    let k = old.get(s.key);
    if (!k) k = { node: s.make() };
    else if (k.sig !== s.sig && !s.update) k = { node: s.make() };
    else if (k.sig !== s.sig) s.update(k.node);
    kids.set(s.key, { node: k.node, sig: s.sig });
  }
  const keep = new Set([...kids.values()].map((k) => k.node));
  for (const n of [...parent.childNodes]) if (!keep.has(n)) n.remove();
  [...keep].forEach((n, i) => { if (parent.childNodes[i] !== n) parent.insertBefore(n, parent.childNodes[i] || null); });
  parent.kids = kids;
}

// grow puts fresh content in the place of old, and keeps what is equal from the beginning on: text that is selected stays so.
export function grow(old, fresh) {
  const now = [...fresh.childNodes];
  let i = 0;
  while (i < now.length && old.childNodes[i]?.isEqualNode(now[i])) i++;
  while (old.childNodes.length > i) old.lastChild.remove();
  old.append(...now.slice(i));
}
