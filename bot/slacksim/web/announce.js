// What a screen reader says by itself: not each step of an answer that grows, but the answer when
// it has come to rest.
import { $ } from './dom.js';

const rest = 2000; // milliseconds without a change
const longest = 400; // characters
const waiting = new Map();

// announce says what text() returns, when nothing else came under the same key for a while.
export function announce(key, text) {
  clearTimeout(waiting.get(key));
  waiting.set(key, setTimeout(() => {
    waiting.delete(key);
    say(text());
  }, rest));
}

// say says it at once.
export function say(text) {
  const line = document.createElement('p');
  line.textContent = [...text].slice(0, longest).join('');
  const region = $('announce');
  region.append(line);
  while (region.childNodes.length > 5) region.firstChild.remove();
}
