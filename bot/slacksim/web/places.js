// Who of this browser's pages may listen. A browser opens six connections to a host, for all tabs
// and windows together, and a page that listens holds one for good: with six of them nothing else
// could be sent or loaded. So few listen at a time. A page in sight takes the place of a hidden one.

const most = 4; // pages that listen; two connections are left for all else
const patience = 1500; // ms until a page in sight is told that it has to wait

let held = null; // gives the place back
let asked = null; // ends the asking for one
let want = null; // {got, lost, full} of this page

const pages = typeof BroadcastChannel === 'function' ? new BroadcastChannel('llmbot places') : null;
const locks = () => globalThis.navigator?.locks; // only on this machine or over TLS

// ask waits for any of the places.
function ask() {
  const now = asked = new AbortController();
  const take = () => {
    if (now.signal.aborted) return undefined; // it has one already, or asks anew
    asked = null;
    now.abort();
    return new Promise((done) => {
      held = done;
      want.got();
    });
  };
  for (let i = 0; i < most; i++) locks().request('llmbot place ' + i, { signal: now.signal }, take).catch(() => {}); // aborted
  press();
}

// press asks hidden pages for a place if this one is in sight and has none.
export function press() {
  if (!asked || document.hidden) return;
  const now = asked;
  setTimeout(() => {
    if (asked !== now) return; // there was one
    pages?.postMessage('a place');
    setTimeout(() => { if (asked === now && !document.hidden) want.full(); }, patience);
  }, 50);
}

// give lets a page in sight go first: a hidden page ends what it does, and asks again behind it.
function give() {
  if (!document.hidden || !(held || asked)) return;
  if (held) want.lost();
  leave();
  setTimeout(() => { if (!held && !asked) ask(); }, 500);
}

// hid tells the pages in sight that wait for a place that this one is hidden now, and would give its.
export function hid() {
  if (held) pages?.postMessage('hidden');
}

if (pages) pages.onmessage = (e) => (e.data === 'hidden' ? press() : give());

// leave gives the place back, or no longer asks for one.
export function leave() {
  held?.();
  held = null;
  asked?.abort();
  asked = null;
}

// place calls got when this page may listen. Later it calls lost when another page needs the place,
// and got again when there is one. full is called when it takes long: all places are in sight.
export function place(got, lost, full) {
  want = { got, lost, full };
  if (held || !locks()) got();
  else if (!asked) ask();
}
