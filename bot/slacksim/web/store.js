// What the page knows, and the small questions about it.

export const S = {
  state: null, me: null, channel: null, thread: null, tab: 'messages', home: null, editing: null,
  messages: new Map(), statuses: [], stoppable: [], unread: new Set(), drafts: new Map(), source: null, fresh: true,
  part: [], // of what is being told, when it takes several events
};
export const key = (m) => m.channel + ' ' + m.ts;
export const place = (m, inThread) => key(m) + (inThread ? ' t' : ''); // a thread's parent stands in both panes
export const names = {
  user: (id) => S.state.users.find((u) => u.id === id)?.name,
  channel: (id) => S.state.channels.find((c) => c.id === id)?.name,
};
export const channel = (id) => S.state.channels.find((c) => c.id === id);
export const clock = (ts) => new Date(ts * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export const size = (n) => (n < 1000 ? n + ' B' : n < 1e6 ? (n / 1000).toFixed(1) + ' kB' : (n / 1e6).toFixed(1) + ' MB');
