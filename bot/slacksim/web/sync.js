// The bookkeeping that keeps nodes which did not change, and counts what it touches.

// work counts nodes of the document since the page began: tests hold the page to it.
export const work = { draws: 0, made: 0, removed: 0, moved: 0, changed: 0 };

// sync makes parent hold the nodes that specs describe: {key, sig, make(), update(node)}. A node
// whose sig is the same is left alone, not even moved: a button that is being pressed stays the
// same button while the text above it grows. Without update, what make makes is morphed into the
// node that is there; with update null it takes its place.
export function sync(parent, specs) {
  const old = parent.kids || new Map();
  const kids = new Map();
  const before = old.keys();
  let same = old.size === specs.length;
  for (const s of specs) {
    let k = old.get(s.key);
    if (!k) {
      k = { node: s.make(), sig: s.sig };
      work.made++;
    } else if (k.sig !== s.sig) {
      if (s.update === undefined) morph(k.node, s.make());
      else if (s.update) s.update(k.node);
      else {
        const node = s.make();
        work.made++;
        work.removed++;
        k.node.replaceWith(node);
        k.node = node;
      }
      k.sig = s.sig;
    }
    if (same && before.next().value !== s.key) same = false;
    kids.set(s.key, k);
  }
  parent.kids = kids;
  if (!same) arrange(parent, old, kids);
}

// arrange brings the nodes into their order. What is at its place is not moved.
function arrange(parent, old, kids) {
  for (const [key, k] of old) {
    if (kids.get(key) === k) continue;
    k.node.remove();
    work.removed++;
  }
  let at = parent.firstChild;
  for (const k of kids.values()) {
    if (k.node === at) {
      at = at.nextSibling;
      continue;
    }
    if (k.node.parentNode === parent) work.moved++;
    parent.insertBefore(k.node, at);
  }
}

// morph makes a node as the fresh one is, and leaves of it what is the same: text that is selected
// stays so, and a screen reader hears only what is new. The nodes must have no handlers of their
// own.
export function morph(node, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (node.getAttribute(name) === value) continue;
    node.setAttribute(name, value);
    work.changed++;
  }
  for (const { name } of [...node.attributes]) if (!fresh.hasAttribute(name)) node.removeAttribute(name);
  const now = [...fresh.childNodes];
  let at = node.firstChild;
  for (const n of now) {
    if (!at) {
      node.append(n);
      work.made++;
      continue;
    }
    const next = at.nextSibling;
    if (at.nodeType === Node.TEXT_NODE && n.nodeType === Node.TEXT_NODE) {
      if (n.data.startsWith(at.data)) {
        if (n.data.length > at.data.length) {
          at.appendData(n.data.slice(at.data.length));
          work.changed++;
        }
      } else {
        at.data = n.data;
        work.changed++;
      }
    } else if (at.nodeName === n.nodeName && at.nodeType === Node.ELEMENT_NODE) {
      morph(at, n);
    } else {
      at.replaceWith(n);
      work.made++;
      work.removed++;
    }
    at = next;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    work.removed++;
    at = next;
  }
}
