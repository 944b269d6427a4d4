// What survives a reload: drafts and what was read, for each person in this browser; the place on
// the page, for each tab. A browser may refuse to keep anything; then nothing is kept.

const read = (storage, name) => {
  try {
    return JSON.parse(storage().getItem('llmbot ' + name));
  } catch {
    return null;
  }
};

const write = (storage, name, value) => {
  try {
    if (value === null || value === '') storage().removeItem('llmbot ' + name);
    else storage().setItem('llmbot ' + name, JSON.stringify(value));
  } catch {
    // full, or not allowed
  }
};

const local = () => localStorage;
const tab = () => sessionStorage;
const draftName = (me, channel, thread) => ['draft', me, channel, thread].filter(Boolean).join(' ');

export const draft = (me, channel, thread) => read(local, draftName(me, channel, thread)) || '';
export const keepDraft = (me, channel, thread, text) => write(local, draftName(me, channel, thread), text);

// seen returns the time of the newest message that a person had before them, for each channel.
export const seen = (me) => read(local, 'seen ' + me) || {};
export const keepSeen = (me, times) => write(local, 'seen ' + me, times);

// spot is where the panes of this tab were scrolled to. It is used once.
export function spot() {
  const was = read(tab, 'spot');
  write(tab, 'spot', null);
  return was;
}
export const keepSpot = (where) => write(tab, 'spot', where);
