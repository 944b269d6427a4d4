// The two boxes to write in: sending, files, and names offered while one types.
'use strict';

const input = (form) => $(form).querySelector('textarea');

// picked holds the files that were chosen for each box and are not sent yet.
const picked = { box: [], reply: [] };
const maxFiles = 20e6; // bytes; the workspace refuses requests of more than 32 MB

function drawPicked(form) {
  $(form).querySelector('.picked').replaceChildren(...picked[form].map((f, i) => {
    const off = el('button', '', '×');
    off.type = 'button';
    off.ariaLabel = 'Remove ' + f.name;
    off.onclick = () => { picked[form].splice(i, 1); drawPicked(form); };
    return el('span', 'file', f.name + ' · ' + size(f.size), off);
  }));
}

function pick(form, list) {
  picked[form].push(...list);
  if (picked[form].reduce((n, f) => n + f.size, 0) > maxFiles) {
    picked[form].length = 0;
    toast('These files are too large for this page: 20 MB together is the most.');
  }
  drawPicked(form);
}

const encoded = (f) => new Promise((done, failed) => {
  const r = new FileReader();
  r.onload = () => done({ name: f.name, type: f.type.split(';')[0], data: r.result.slice(r.result.indexOf(',') + 1) });
  r.onerror = () => failed(new Error(f.name + ' cannot be read'));
  r.readAsDataURL(f);
});

async function send(form) {
  const box = input(form);
  const text = box.value;
  const list = picked[form];
  if (!text.trim() && !list.length) return;
  const [word] = text.trim().split(/\s/, 1);
  box.value = '';
  picked[form] = [];
  drawPicked(form);
  try {
    if (word.length > 1 && /^\/[\w-]+$/.test(word) && !list.length) {
      if (form === 'reply') throw new Error('Slash commands do not work in threads');
      await post('command', { channel: S.channel, command: word, text: text.trim().slice(word.length).trim() });
      return;
    }
    const files = await Promise.all(list.map(encoded));
    toEnd($(form === 'reply' ? 'replies' : 'list'));
    const { ts } = await post('say', { channel: S.channel, thread_ts: form === 'reply' ? S.thread : '', text, files });
    const to = new RegExp('@' + S.state.bot.name + '\\b');
    if (form === 'box' && (to.test(text) || channel(S.channel).kind === 'im')) openThread(ts);
  } catch (err) {
    box.value = box.value || text;
    if (!picked[form].length) picked[form] = list;
    drawPicked(form);
    toast(err.message);
  }
}

// complete offers names behind an @, commands behind a leading /.
function complete(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const before = box.value.slice(0, box.selectionStart);
  const at = /(^|[\s(])@([\w-]*)$/.exec(before);
  const slash = form === 'box' && /^\/([\w-]*)$/.exec(before);
  let found = [];
  if (at) found = [S.state.bot.name, ...S.state.users.map((u) => u.name)].filter((n, i, l) => l.indexOf(n) === i && n.startsWith(at[2].toLowerCase())).map((n) => '@' + n);
  else if (slash) found = S.state.commands.filter((c) => c.startsWith(before));
  menu.replaceChildren(...found.slice(0, 6).map((n, i) => {
    const e = el('div', i === 0 ? 'on' : '', n);
    e.onmousedown = (ev) => { ev.preventDefault(); choose(n); };
    return e;
  }));
  menu.hidden = !found.length;
  function choose(name) {
    const start = at ? before.length - at[2].length - 1 : 0;
    box.setRangeText(name + ' ', start, before.length, 'end');
    menu.hidden = true;
  }
  menu.pick = () => choose(menu.querySelector('.on').textContent);
}

function wire(form) {
  const box = input(form);
  const menu = $(form).querySelector('.names');
  const choose = $(form).querySelector('input[type=file]');
  $(form).onsubmit = (e) => { e.preventDefault(); menu.hidden = true; send(form); };
  choose.onchange = () => { pick(form, choose.files); choose.value = ''; box.focus(); };
  $(form).querySelector('.attach').onclick = () => choose.click();
  $(form).ondragover = (e) => e.preventDefault();
  $(form).ondrop = (e) => { e.preventDefault(); pick(form, e.dataTransfer.files); };
  box.onpaste = (e) => { if (e.clipboardData.files.length) { e.preventDefault(); pick(form, e.clipboardData.files); } };
  box.oninput = () => complete(form);
  box.onblur = () => { menu.hidden = true; };
  box.onkeydown = (e) => {
    if (e.isComposing) return;
    if (!menu.hidden) {
      const on = menu.querySelector('.on');
      const next = { ArrowDown: on.nextElementSibling, ArrowUp: on.previousElementSibling }[e.key];
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
        e.preventDefault();
        if (next) { on.className = ''; next.className = 'on'; }
        return;
      }
      // Enter completes only what is not written out already.
      const typed = box.value.slice(0, box.selectionStart).split(/\s/).pop();
      if (e.key === 'Tab' || (e.key === 'Enter' && typed !== on.textContent)) { e.preventDefault(); menu.pick(); return; }
      if (e.key === 'Escape') { e.stopPropagation(); menu.hidden = true; return; }
    }
    if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); $(form).requestSubmit(); }
  };
}
