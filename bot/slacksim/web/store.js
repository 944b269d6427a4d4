// What the page knows, and the small questions about it.

export const S = {
  state: null, me: null, channel: null, thread: null, tab: 'messages', home: null, editing: null,
  messages: new Map(), statuses: [], stoppable: [], source: null, fresh: true, newFrom: null, rev: 0, missed: false,
  part: [], // of what is being told, when it takes several events
};

const lists = new Map(); // of each channel the messages, oldest first
let versions = 0;

export const key = (m) => m.channel + ' ' + m.ts;
export const place = (m, inThread) => key(m) + (inThread ? ' t' : ''); // a thread's parent stands in both panes

// inChannel returns a channel's messages, oldest first.
export const inChannel = (id) => lists.get(id) || [];

// at returns where in a list a message of that time is, or belongs.
function at(list, ts) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (list[mid].ts < ts) low = mid + 1;
    else high = mid;
  }
  return low;
}

// put takes a message that is new or has changed, and reports whether it is new. Each one that
// comes has another version.
export function put(m) {
  m.v = ++versions;
  if (!lists.has(m.channel)) lists.set(m.channel, []);
  const list = lists.get(m.channel);
  const i = at(list, m.ts);
  const known = list[i]?.ts === m.ts;
  if (m.deleted) {
    if (known) list.splice(i, 1);
    S.messages.delete(key(m));
    return false;
  }
  list.splice(i, known ? 1 : 0, m);
  S.messages.set(key(m), m);
  return !known;
}

// forget throws all messages away.
export function forget() {
  S.messages.clear();
  lists.clear();
}

export const names = {
  user: (id) => S.state.users.find((u) => u.id === id)?.name,
  channel: (id) => S.state.channels.find((c) => c.id === id)?.name,
};
export const user = (id) => S.state.users.find((u) => u.id === id);
export const channel = (id) => S.state.channels.find((c) => c.id === id);

// mine returns the channels that this person sees.
export const mine = () => S.state.channels.filter((c) => c.members.includes(S.me) && (c.kind !== 'im' || c.im === S.me));

// title returns a channel's name as people write it.
export const title = (c) => (c.kind === 'im' ? S.state.bot.name : (c.kind === 'channel' ? '#' : '') + c.name);

// author returns the name that stands over a message.
export const author = (m) => m.app || names.user(m.user) || m.user;

// person returns who is meant by a name, a real name or an id, in capitals or not.
export function person(name) {
  const want = (name || '').toLowerCase();
  const people = S.state.users.filter((u) => !u.bot);
  return people.find((u) => u.name.toLowerCase() === want) || people.find((u) => u.id.toLowerCase() === want || u.real_name.toLowerCase() === want);
}

export const clock = (ts) => new Date(ts * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

// day returns a message's day as people say it.
export function day(ts, now = Date.now()) {
  const midnight = (t) => new Date(t).setHours(0, 0, 0, 0);
  const ago = Math.round((midnight(now) - midnight(ts * 1000)) / 86400e3);
  if (ago === 0) return 'Today';
  if (ago === 1) return 'Yesterday';
  return new Date(ts * 1000).toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', ...(ago > 180 ? { year: 'numeric' } : {}) });
}

export const size = (n) => (n < 1000 ? n + ' B' : n < 1e6 ? (n / 1000).toFixed(1) + ' kB' : (n / 1e6).toFixed(1) + ' MB');
