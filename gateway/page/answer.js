// What a run waits for: an approval, or the answers of a form.
import {path} from './api.js';
import {el, field, fill, say, setText} from './dom.js';
import {Form} from './form.js';
import {order, progress, quotedNames} from './order.js';

// What the run shows to whoever decides, JSON with its lines.
function shown(text) {
  if (!text) return null;
  let pretty = text;
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === 'object') pretty = JSON.stringify(value, null, 2);
  } catch {
    // Plain text.
  }
  return el('pre', {tabindex: '0'}, pretty);
}

export class Answer {
  constructor(run) {
    this.where = (what) => path(['api', 'runs', run.run_id, what]);
    this.worker = run.worker_id;
    this.key = '';
    this.element = el('section', {class: 'card answer', 'aria-labelledby': 'answer-title', tabindex: '-1', hidden: true});
  }

  // Makes the panel anew only when the run waits for something else, so that nothing that was
  // typed is lost.
  show(run) {
    const waits = run.status === 'paused' ? run.waiting : null;
    const key = waits ? JSON.stringify([run.next_seq, waits]) : '';
    if (key === this.key) return;
    this.key = key;
    // What had the focus goes away with the panel.
    if (this.element.contains(document.activeElement)) document.getElementById('main').focus({preventScroll: true});
    this.element.hidden = !waits;
    if (!waits) return fill(this.element);
    this.problem = el('p', {class: 'error', role: 'alert', hidden: true});
    this.state = el('p', {class: 'faint', role: 'status'});
    if (waits.kind === 'InputPendingEvent') this.showForm(waits);
    else this.showGate(waits);
    say(`The run waits for ${waits.kind === 'InputPendingEvent' ? 'answers' : 'approval'} at ${waits.step_id}.`);
  }

  showGate(waits) {
    const note = el('textarea', {rows: 2});
    const decide = (approved) => () => this.send('resume', {approved, ...(note.value && {note: note.value})});
    this.buttons = [
      el('button', {type: 'button', class: 'first', onclick: decide(true)}, 'Approve'),
      el('button', {type: 'button', class: 'danger', onclick: decide(false)}, 'Refuse'),
    ];
    fill(this.element, el('h2', {id: 'answer-title'}, `Approval at ${waits.step_id}`),
      waits.message && el('p', {}, waits.message), shown(waits.show),
      field('Note', note, {help: 'May be left empty. Refusing cancels the run.'}),
      el('div', {class: 'row'}, this.buttons), this.problem, this.state);
  }

  showForm(waits) {
    this.form = new Form(waits.questions ?? []);
    this.buttons = [el('button', {class: 'first'}, 'Send answers')];
    const form = el('form', {novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      const answers = this.form.answers();
      if (answers) this.send('input', {input: {kind: 'form', answers}});
    }}, this.form.boxes, el('div', {class: 'row'}, this.buttons), this.problem, this.state);
    fill(this.element, el('h2', {id: 'answer-title'}, `Questions at ${waits.step_id}`),
      waits.message && el('p', {}, waits.message), shown(waits.show), form);
  }

  async send(what, body) {
    const {problem, state, buttons} = this;
    // A button that cannot be pressed loses the focus.
    const pressed = buttons.find((button) => button === document.activeElement);
    if (pressed) this.element.focus({preventScroll: true});
    for (const button of buttons) button.disabled = true;
    problem.hidden = true;
    setText(state, 'Sending…');
    try {
      const command = await order(this.where(what), {...body, worker: this.worker});
      setText(state, progress(command));
      say(progress(command));
    } catch (error) {
      setText(state, '');
      for (const button of buttons) button.disabled = false;
      pressed?.focus();
      if (what !== 'input' || !this.form.blame(quotedNames(error.message), error.message)) {
        problem.hidden = false;
        setText(problem, error.message);
      }
    }
  }
}
