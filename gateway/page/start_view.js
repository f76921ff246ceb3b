// Starts a workflow. Daemons do not announce which inputs a workflow declares, so they are rows of
// name and value; an input that the daemon asks for by name becomes a row.
import {get, path} from './api.js';
import {el, field, fill, newId, setProblem, setText} from './dom.js';
import {order, progress, quotedNames} from './order.js';

const KINDS = {
  text: (text) => text,
  number(text) {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) throw new Error('This is no number.');
    return value;
  },
  'true/false'(text) {
    if (!['true', 'false'].includes(text.trim())) throw new Error('Say true or false.');
    return text.trim() === 'true';
  },
  JSON(text) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`This is no JSON: ${error.message}`);
    }
  },
};

export class StartView {
  title = 'Start';

  constructor(main, parameters) {
    this.rows = [];
    const list = newId('workflows');
    this.workflow = el('input', {list, required: true, autocomplete: 'off', spellcheck: 'false', value: parameters.get('workflow') ?? ''});
    this.workflowBox = field('Workflow', this.workflow, {help: 'Its id, as in its manifest.'});
    this.known = el('datalist', {id: list});
    this.worker = el('select', {}, el('option', {value: ''}, 'the one with the most free places'));
    this.runId = el('input', {autocomplete: 'off', spellcheck: 'false'});
    this.runIdBox = field('Run id', this.runId, {help: 'May be left empty.'});
    this.inputs = el('ul', {class: 'list inputs'});
    this.problem = el('p', {class: 'error', role: 'alert', hidden: true});
    this.state = el('p', {class: 'faint', role: 'status'});
    this.button = el('button', {class: 'first'}, 'Start');
    fill(main, el('h1', {}, 'Start a workflow'), el('form', {class: 'card', novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.send();
    }}, this.workflowBox, this.known, field('Worker', this.worker), this.runIdBox,
      el('fieldset', {class: 'field'}, el('legend', {}, 'Inputs'), this.inputs,
        el('button', {type: 'button', onclick: () => this.addRow('').name.focus()}, 'Add input')),
      this.problem, el('div', {class: 'row'}, this.button), this.state));
    this.load();
  }

  stop() {
    this.stopped = true;
  }

  changed() {}

  async load() {
    try {
      const [{workflows}, {workers}] = await Promise.all([get('/api/workflows'), get('/api/workers')]);
      fill(this.known, workflows.map((row) => el('option', {value: row.workflow})));
      const names = [...new Set(workers.filter((worker) => worker.connected).map((worker) => worker.worker_id))];
      this.worker.append(...names.map((name) => el('option', {value: name}, name)));
      if (names.length === 0) setText(this.state, 'No daemon is connected: the run begins when one is.');
    } catch (error) {
      setText(this.state, error.message);
    }
  }

  addRow(text) {
    const name = el('input', {value: text, autocomplete: 'off', spellcheck: 'false', size: 14});
    const kind = el('select', {}, Object.keys(KINDS).map((word) => el('option', {}, word)));
    const value = el('textarea', {rows: 1});
    const valueBox = field('Value', value, {classes: 'grow'});
    const row = {name, kind, value, problem: (message) => setProblem(valueBox, value, message)};
    const item = el('li', {class: 'row'}, field('Name', name), field('Kind', kind), valueBox,
      el('button', {type: 'button', 'aria-label': 'Remove this input', onclick: () => {
        this.rows.splice(this.rows.indexOf(row), 1);
        item.remove();
      }}, 'Remove'));
    this.rows.push(row);
    this.inputs.append(item);
    return row;
  }

  // Null, and the focus on it, where a value is wrong.
  variables() {
    const found = {};
    for (const row of this.rows) {
      const name = row.name.value.trim();
      row.problem(null);
      try {
        if (!name && !row.value.value) continue;
        if (!name) throw new Error('It needs a name.');
        if (Object.hasOwn(found, name)) throw new Error('This name is here twice.');
        Object.defineProperty(found, name, {value: KINDS[row.kind.value](row.value.value), enumerable: true});
      } catch (error) {
        row.problem(error.message);
        row.value.focus();
        return null;
      }
    }
    return found;
  }

  async send() {
    const workflow = this.workflow.value.trim();
    setProblem(this.workflowBox, this.workflow, workflow ? null : 'Say which.');
    if (!workflow) return this.workflow.focus();
    setProblem(this.runIdBox, this.runId, null);
    this.problem.hidden = true;
    const variables = this.variables();
    if (!variables) return;
    const body = {workflow_id: workflow, variables};
    if (this.runId.value.trim()) body.run_id = this.runId.value.trim();
    if (this.worker.value) body.worker = this.worker.value;
    this.button.disabled = true;
    setText(this.state, 'Starting…');
    try {
      const command = await order('/api/runs', body);
      if (this.stopped) return;
      if (command.state === 'done') await this.go(command);
      else setText(this.state, progress(command));
    } catch (error) {
      setText(this.state, '');
      this.blame(error);
    }
    this.button.disabled = false;
  }

  // Goes to the run once the gateway has heard of it, which comes behind the daemon's answer.
  async go(command) {
    const where = path(['api', 'runs', command.run_id], {worker: command.worker_id});
    for (let left = 40; left > 0 && !this.stopped; --left) {
      try {
        await get(where);
        location.hash = `#/runs/${encodeURIComponent(command.run_id)}?${new URLSearchParams({worker: command.worker_id})}`;
        return;
      } catch (error) {
        if (error.status !== 404) throw error;
        await new Promise((done) => { setTimeout(done, 250); });
      }
    }
    setText(this.state, `Run ${command.run_id} was accepted and waits for a free place.`);
  }

  // At the field that a refusal is about, else below them all.
  blame(error) {
    if (error.field === 'run_id' || error.code === 'duplicate_run_id' || error.code === 'invalid_run_id') {
      setProblem(this.runIdBox, this.runId, error.message);
      return this.runId.focus();
    }
    if (error.field === 'workflow_id' || error.code === 'unknown_workflow') {
      setProblem(this.workflowBox, this.workflow, error.message);
      return this.workflow.focus();
    }
    const names = quotedNames(error.message).filter((name) => name !== this.workflow.value.trim());
    let row = this.rows.find((one) => names.includes(one.name.value.trim()));
    if (!row && error.code === 'invalid_input' && names.length > 0) row = this.addRow(names[0]);
    if (row) {
      row.problem(error.message);
      return row.value.focus();
    }
    this.problem.hidden = false;
    setText(this.problem, error.message);
  }
}
