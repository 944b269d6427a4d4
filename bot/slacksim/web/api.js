// Requests to the workspace, and the line that tells a person why one failed.
import { $ } from './dom.js';
import { S } from './store.js';

export async function post(path, body) {
  const res = await fetch('page/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user: S.me, ...body }) });
  let out = {};
  try {
    out = await res.json();
  } catch {
    out = { error: 'HTTP ' + res.status };
  }
  if (!res.ok) throw new Error(out.no_socket ? out.error + ': no bot is connected' : out.error);
  return out;
}

// act posts and says whether it worked; the reason goes to the person.
export const act = (path, body) => post(path, body).then(() => true, (err) => { toast(err.message); return false; });

// toast shows a line for a while. kind is good for what went well; without it something went wrong.
export function toast(text, kind = '') {
  $('toast').textContent = text;
  $('toast').className = kind;
  $('toast').hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $('toast').hidden = true; }, kind ? 2500 : 6000);
}
