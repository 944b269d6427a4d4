// What other parts of the page may use of it: panel.js and tour.js are started with ctx.
import { post, toast } from './api.js';
import { S } from './store.js';
import { openThread, select, still } from './view.js';

const heard = { message: [], event: [], user: [] };

// emit tells whoever asked for it: a changed message as it came, an event of the workspace, the
// person's id after a change of person. One who fails does not keep the others from hearing it.
export function emit(name, value) {
  for (const fn of heard[name]) {
    try {
      fn(value);
    } catch (err) {
      console.error(err);
    }
  }
}

export const ctx = {
  state: () => S.state, // what /page/state said last
  me: () => S.me,
  channel: () => S.channel,
  thread: () => S.thread || '',
  post, // (path, body): a promise of the answer; it fails with words for the person
  toast, // (text)
  // open shows a channel, and in it a thread.
  open: (channel, threadTS) => {
    select(channel);
    if (threadTS) openThread(threadTS);
  },
  still, // (): a function that reports whether the person has gone on to nothing else
  // stoppable reports whether a thread has Slack's own stop button.
  stoppable: (channel, threadTS) => S.stoppable.some((t) => t.channel === channel && t.thread_ts === threadTS),
  on: (name, fn) => { heard[name].push(fn); },
};
