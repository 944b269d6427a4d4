// What a person has not seen yet: for each channel the time of the newest message that was before
// them, and which messages changed since.
import { keepSeen, seen } from './memory.js';
import { S, inChannel } from './store.js';

let times = {};
const grown = new Set(); // channels in which a message of somebody else has grown or ended

// recallSeen begins with what this person saw before.
export function recallSeen() {
  times = seen(S.me);
  grown.clear();
}

export const seenUntil = (id) => times[id] || '';

const others = (m) => m.user !== S.me && !m.ephemeral;

// unread returns how many messages of others came to a channel that is not open.
export function unread(id) {
  const list = inChannel(id);
  let n = 0;
  for (let i = list.length - 1; i >= 0 && list[i].ts > seenUntil(id); i--) if (others(list[i])) n++;
  return n;
}

export const isUnread = (id) => grown.has(id) || unread(id) > 0;

// changed notes that a message which is known came again.
export function changed(m) {
  if (others(m)) grown.add(m.channel);
}

// see notes that all of a channel was before the person. It reports whether that is news.
export function see(id) {
  const newest = inChannel(id).at(-1)?.ts || '';
  const news = grown.delete(id) || newest > seenUntil(id);
  if (newest > seenUntil(id)) {
    times[id] = newest;
    keepSeen(S.me, times);
  }
  return news;
}

// firstNew returns the first of some messages that is from somebody else and newer than a time.
export const firstNew = (list, since) => (since === null ? undefined : list.find((m) => m.ts > since && others(m)));
