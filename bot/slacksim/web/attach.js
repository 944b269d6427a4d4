// What is sent along with a message: files, pictures, cells of a spreadsheet, voice clips.
import { toast } from './api.js';
import { $, el } from './dom.js';
import { icon } from './icons.js';
import { size } from './store.js';

// picked holds the files that were chosen for each box and are not sent yet.
export const picked = { box: [], reply: [] };
// pasted holds the cells that were pasted into each box.
export const pasted = { box: null, reply: null };
const maxFiles = 20e6; // bytes; the workspace refuses requests of more than 32 MB
const most = 10; // files of one message, as in Slack
const maxPreview = 2e6; // bytes of a picture that is shown before it is sent

export function drawPicked(form) {
  $(form).querySelector('.picked').replaceChildren(...picked[form].map((f, i) => {
    const off = el('button', '', '×');
    off.type = 'button';
    off.ariaLabel = 'Remove ' + f.name;
    off.onclick = () => { picked[form].splice(i, 1); drawPicked(form); $(form).querySelector('textarea').focus(); };
    const e = el('span', 'file', f.name + ' · ' + size(f.size), off);
    if (/^image\/(png|jpeg|gif|webp)$/.test(f.type) && f.size < maxPreview) dataURL(f).then((url) => {
      const img = el('img');
      img.alt = '';
      img.src = url;
      e.prepend(img);
    }, () => {});
    return e;
  }));
  if (pasted[form]) {
    const off = el('button', '', '×');
    off.type = 'button';
    off.ariaLabel = 'Remove the table';
    off.onclick = () => { pasted[form] = null; drawPicked(form); };
    $(form).querySelector('.picked').append(el('span', 'file', 'table · ' + pasted[form].length + ' rows', off));
  }
}

// cellsOf returns the cells of what was copied from a spreadsheet; null: it is none.
export function cellsOf(text) {
  const rows = text.replace(/\r/g, '').replace(/(?<!\n)\n+$/, '').split('\n').map((l) => l.split('\t'));
  return rows.length > 1 && rows.every((r) => r.length > 1) ? rows : null;
}

export function pick(form, list) {
  picked[form].push(...list);
  if (picked[form].length > most) {
    picked[form].length = most;
    toast(`A message takes ${most} files at most: the first ${most} are kept.`);
  }
  if (picked[form].reduce((n, f) => n + f.size, 0) > maxFiles) {
    picked[form].length = 0;
    toast('These files are too large for this page: 20 MB together is the most.');
  }
  drawPicked(form);
}

const dataURL = (f) => new Promise((done, failed) => {
  const r = new FileReader();
  r.onload = () => done(r.result);
  r.onerror = () => failed(new Error(f.name + ' cannot be read'));
  r.readAsDataURL(f);
});

// encoded returns a file as the workspace takes it.
export async function encoded(f) {
  const url = await dataURL(f);
  return { name: f.name, type: f.type.split(';')[0], data: url.slice(url.indexOf(',') + 1) };
}

// record begins or ends a voice clip, which is then sent like a file.
async function record(form, button) {
  if (record.now) return record.now.stop();
  if (!navigator.mediaDevices) return toast('The browser gives this page no microphone: open it on this machine, or over TLS.');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const r = record.now = new MediaRecorder(stream);
    const parts = [];
    const show = (label, what) => {
      button.ariaLabel = button.title = label;
      button.replaceChildren(icon(what));
    };
    r.ondataavailable = (e) => parts.push(e.data);
    r.onstop = () => {
      record.now = null;
      show('Record a voice clip', 'mic');
      for (const t of stream.getTracks()) t.stop();
      pick(form, [new File(parts, 'audio_message.mp4', { type: 'video/mp4' })]);
    };
    show('End the voice clip', 'stop');
    r.start();
  } catch (err) {
    toast('No microphone: ' + err.message);
  }
}

// wireAttach makes a box take files: by its buttons, dropped anywhere on its pane, or pasted.
export function wireAttach(form, around) {
  const box = $(form).querySelector('textarea');
  const choose = $(form).querySelector('input[type=file]');
  const [plus, mic] = $(form).querySelectorAll('.attach');
  plus.append(icon('attach'));
  mic.append(icon('mic'));
  choose.onchange = () => { pick(form, choose.files); choose.value = ''; box.focus(); };
  plus.onclick = () => choose.click();
  mic.onclick = () => record(form, mic);
  const carries = (e) => [...(e.dataTransfer?.types || [])].includes('Files');
  let depth = 0; // a pointer that goes to a node within leaves the one around it
  const over = (n) => {
    depth = n;
    around.classList.toggle('drop', depth > 0);
  };
  around.addEventListener('dragenter', (e) => { if (carries(e)) { e.preventDefault(); over(depth + 1); } });
  around.addEventListener('dragleave', (e) => { if (carries(e)) over(Math.max(0, depth - 1)); });
  around.addEventListener('dragover', (e) => { if (carries(e)) e.preventDefault(); });
  around.addEventListener('drop', (e) => {
    if (!carries(e)) return;
    e.preventDefault();
    over(0);
    pick(form, e.dataTransfer.files);
    box.focus();
  });
  box.onpaste = (e) => {
    const cells = cellsOf(e.clipboardData.getData('text/plain'));
    if (cells) {
      e.preventDefault();
      pasted[form] = cells;
      drawPicked(form);
    } else if (e.clipboardData.files.length) {
      e.preventDefault();
      pick(form, e.clipboardData.files);
    }
  };
}
