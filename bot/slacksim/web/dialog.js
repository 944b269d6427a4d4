// Questions to the person, above the page.
import { el } from './dom.js';

// ask shows a question with some nodes and waits for the answer: true, or false when it was closed.
// The first field has the focus, or else the button that does nothing.
export function ask({ title, body = [], yes, danger = false }) {
  return new Promise((done) => {
    const head = el('h2', '', title);
    head.id = 'ask';
    const no = el('button', 'btn', 'Cancel');
    const ok = el('button', 'btn ' + (danger ? 'danger' : 'primary'), yes);
    no.type = 'button';
    const form = el('form', '', head, ...body, el('div', 'row', no, ok));
    const box = el('dialog', 'ask', form);
    box.setAttribute('aria-labelledby', 'ask');
    let answer = false;
    no.onclick = () => box.close();
    form.onsubmit = (e) => {
      e.preventDefault();
      answer = true;
      box.close();
    };
    box.onclose = () => {
      box.remove();
      done(answer);
    };
    box.onkeydown = (e) => e.stopPropagation(); // the page's keys rest
    document.body.append(box);
    box.showModal();
    (box.querySelector('input, textarea, select') || no).focus();
  });
}

// field returns a label with its control.
export const field = (label, control) => el('label', 'field', label, control);
