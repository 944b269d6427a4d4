// As much of a document as the modules need that only make and arrange nodes.
class FakeNode {
  static TEXT_NODE = 3;
  static ELEMENT_NODE = 1;
  parentNode = null;
  get nextSibling() { return this.parentNode?.childNodes[this.parentNode.childNodes.indexOf(this) + 1] ?? null; }
  remove() {
    if (!this.parentNode) return;
    this.parentNode.childNodes.splice(this.parentNode.childNodes.indexOf(this), 1);
    this.parentNode = null;
  }
  replaceWith(n) {
    this.parentNode.insertBefore(n, this);
    this.remove();
  }
}

class FakeText extends FakeNode {
  nodeType = 3;
  nodeName = '#text';
  constructor(data) { super(); this.data = data; }
  appendData(s) { this.data += s; }
  get html() { return this.data.replace(/&/g, '&amp;').replace(/</g, '&lt;'); }
}

class FakeElement extends FakeNode {
  nodeType = 1;
  childNodes = [];
  #attributes = new Map();
  constructor(tag) { super(); this.nodeName = tag.toUpperCase(); }
  get attributes() { return [...this.#attributes].map(([name, value]) => ({ name, value })); }
  getAttribute(name) { return this.#attributes.get(name) ?? null; }
  hasAttribute(name) { return this.#attributes.has(name); }
  setAttribute(name, value) { this.#attributes.set(name, String(value)); }
  removeAttribute(name) { this.#attributes.delete(name); }
  get firstChild() { return this.childNodes[0] ?? null; }
  get lastChild() { return this.childNodes.at(-1) ?? null; }
  insertBefore(n, at) {
    const kids = n.nodeName === '#FRAGMENT' ? [...n.childNodes] : [n];
    for (const k of kids) {
      k.remove();
      this.childNodes.splice(at ? this.childNodes.indexOf(at) : this.childNodes.length, 0, k);
      k.parentNode = this;
    }
  }
  append(...kids) { for (const k of kids) this.insertBefore(typeof k === 'string' ? new FakeText(k) : k, null); }
  get textContent() { return this.childNodes.map((k) => k.data ?? k.textContent).join(''); }
  get html() {
    const name = this.nodeName.toLowerCase();
    const inner = this.childNodes.map((k) => k.html).join('');
    return name === '#fragment' ? inner : `<${name}${this.attributes.map((a) => ` ${a.name}="${a.value}"`).join('')}>${inner}</${name}>`;
  }
}
for (const [property, attribute] of [['className', 'class'], ['href', 'href'], ['target', 'target'], ['rel', 'rel'], ['start', 'start'], ['tabIndex', 'tabindex'], ['title', 'title']]) {
  Object.defineProperty(FakeElement.prototype, property, { get() { return this.getAttribute(attribute) ?? ''; }, set(v) { this.setAttribute(attribute, v); } });
}

globalThis.Node = FakeNode;
globalThis.BroadcastChannel = undefined; // node's own would keep the test running
globalThis.document = {
  createElement: (tag) => new FakeElement(tag),
  createTextNode: (text) => new FakeText(text),
  createDocumentFragment: () => new FakeElement('#fragment'),
};

// busy returns the milliseconds that a function keeps the processor busy: on a machine with other
// work the clock says something else.
export function busy(fn) {
  const before = process.cpuUsage();
  fn();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
