// Starts a workflow. Daemons that speak charter.capnp.v1 tell which workflows their project has and
// which inputs these declare; elsewhere an input that the daemon misses becomes a row.
import {get, path} from './api.js';
import {el, field, fill, newId, setProblem, setText} from './dom.js';
import {InputRows} from './input_rows.js';
import {order, progress, quotedNames} from './order.js';

const PATIENCE = 40;  // looks at a run that was accepted
const BETWEEN = 250;  // ms

export class StartView {
  title = 'Start';

  constructor(main, parameters) {
    const list = newId('workflows');
    this.declared = new Map();  // of the chosen worker's workflows, by id
    this.workflow = el('input', {list, required: true, autocomplete: 'off', spellcheck: 'false',
      value: parameters.get('workflow') ?? '', oninput: () => this.choose()});
    this.workflowBox = field('Workflow', this.workflow, {help: 'Its id, as in its manifest.'});
    this.known = el('datalist', {id: list});
    this.about = el('p', {class: 'faint', role: 'status'});
    this.worker = el('select', {onchange: () => this.ask()}, el('option', {value: ''}, 'the one with the most free places'));
    this.runId = el('input', {autocomplete: 'off', spellcheck: 'false'});
    this.runIdBox = field('Run id', this.runId, {help: 'May be left empty.'});
    this.inputs = new InputRows();
    this.problem = el('p', {class: 'error', role: 'alert', hidden: true});
    this.state = el('p', {class: 'faint', role: 'status'});
    this.button = el('button', {class: 'first'}, 'Start');
    fill(main, el('h1', {}, 'Start a workflow'), el('form', {class: 'card', novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.send();
    }}, this.workflowBox, this.known, this.about, this.inputs.element, field('Worker', this.worker), this.runIdBox,
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
      this.ran = workflows.map((row) => row.workflow);
      this.workers = workers.filter((worker) => worker.connected);
    } catch (error) {
      return setText(this.state, error.message);
    }
    const names = [...new Set(this.workers.map((worker) => worker.worker_id))];
    this.worker.append(...names.map((name) => el('option', {value: name}, name)));
    if (names.length === 0) setText(this.state, 'No daemon is connected: the run begins when one is.');
    await this.ask();
  }

  // Which workflows the chosen worker has, or all that are connected.
  async ask() {
    const chosen = this.workers.filter((worker) => !this.worker.value || worker.worker_id === this.worker.value);
    const answers = await Promise.allSettled(chosen.map((worker) => get(path(['api', 'workers', String(worker.connection), 'workflows']))));
    if (this.stopped) return;
    this.declared = new Map();
    for (const {value} of answers) {
      for (const workflow of value?.workflows ?? []) {
        if (workflow.id && !this.declared.has(workflow.id)) this.declared.set(workflow.id, workflow);
      }
    }
    // Those that only had runs are offered where nothing better is known.
    const ids = this.declared.size ? [...this.declared.keys()] : this.ran;
    fill(this.known, ids.map((id) => el('option', {value: id}, this.declared.get(id)?.name ?? id)));
    this.choose();
  }

  choose() {
    const workflow = this.declared.get(this.workflow.value.trim());
    if (workflow === this.chosen) return;
    this.chosen = workflow;
    setText(this.about, workflow ? `${workflow.name}: ${workflow.description}` : '');
    this.inputs.declare(workflow?.inputs ?? []);
  }

  async send() {
    const workflow = this.workflow.value.trim();
    setProblem(this.workflowBox, this.workflow, workflow ? null : 'Say which.');
    if (!workflow) return this.workflow.focus();
    setProblem(this.runIdBox, this.runId, null);
    this.problem.hidden = true;
    const variables = this.inputs.values();
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
    for (let left = PATIENCE; left > 0 && !this.stopped; --left) {
      try {
        await get(where);
        location.hash = `#/runs/${encodeURIComponent(command.run_id)}?${new URLSearchParams({worker: command.worker_id})}`;
        return;
      } catch (error) {
        if (error.status !== 404) throw error;
        await new Promise((done) => { setTimeout(done, BETWEEN); });
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
    let row = this.inputs.find(names);
    if (!row && error.code === 'invalid_input' && names.length > 0) row = this.inputs.add(names[0]);
    if (row) {
      row.problem(error.message);
      return row.focus();
    }
    this.problem.hidden = false;
    setText(this.problem, error.message);
  }
}
