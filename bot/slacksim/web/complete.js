// What is offered while somebody types.
import { emojiLike } from './emoji.js';

const most = 6; // offers

// offers returns what the end of a text may become: from where it is replaced, and the texts. A
// message that begins with / is a command, where there are some.
export function offers(before, state, commands) {
  const none = { from: before.length, found: [] };
  const at = /(^|[\s(])([@#:])([\w+'-]*)$/.exec(before);
  const slash = commands && /^\/[\w-]*$/.test(before);
  const of = (texts) => [...new Set(texts)].slice(0, most).map((text) => ({ text, label: text }));
  if (slash) return { from: 0, found: of(state.commands.filter((c) => c.startsWith(before))) };
  if (!at) return none;
  const [, , sign, word] = at;
  const from = before.length - word.length - 1;
  const begins = (n) => n.toLowerCase().startsWith(word.toLowerCase());
  if (sign === '@') return { from, found: of([state.bot.name, ...state.users.map((u) => u.name)].filter(begins).map((n) => '@' + n)) };
  if (sign === '#') return { from, found: of(state.channels.filter((c) => c.kind === 'channel' && begins(c.name)).map((c) => '#' + c.name)) };
  if (word.length < 2) return none;
  return { from, found: emojiLike(word, most).map(([name, sign]) => ({ text: `:${name}:`, label: `${sign} :${name}:` })) };
}
