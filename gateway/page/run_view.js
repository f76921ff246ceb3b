// One run: what it waits for, its steps over time, its events and what it prints as they come.
import {Answer} from './answer.js';
import {ApiError, get, path} from './api.js';
import {el, field, fill, say, setText} from './dom.js';
import {EventList} from './event_list.js';
import {duration, moment, ms} from './format.js';
import {LogPanel} from './log_panel.js';
import {order, progress} from './order.js';
import {RunModel} from './run_model.js';
import {statusText} from './runs_view.js';
import {Follower} from './sse.js';
import {Timeline} from './timeline.js';

const REDRAW = 500;

export class RunView {
  title = 'Run';

  constructor(main, parameters, id) {
    this.id = id;
    this.worker = parameters.get('worker') ?? '';
    this.main = main;
    this.note = el('p', {class: 'faint', role: 'status'}, 'Loading…');
    fill(main, el('h1', {}, id), this.note);
    this.load();
  }

  stop() {
    this.stopped = true;
    this.follower?.stop();
    this.logs?.stop();
    clearInterval(this.timer);
    this.dialog?.close();
  }

  // An item of the stream of all runs: this one may have come to wait, or have ended.
  changed(item) {
    const mine = item.event === 'run' && JSON.parse(item.data).run_id === this.id;
    if (mine || ['ready', 'reset', 'workers'].includes(item.event)) this.load();
  }

  // One request at a time; changes meanwhile cause one more.
  async load() {
    this.wanted = true;
    if (this.loading) return;
    this.loading = true;
    while (this.wanted && !this.stopped) {
      this.wanted = false;
      try {
        this.show(await get(path(['api', 'runs', this.id], {worker: this.worker})));
      } catch (error) {
        if (!this.run && !this.stopped) setText(this.note, error.message);
      }
    }
    this.loading = false;
  }

  show(run) {
    if (this.stopped) return;
    const again = this.run && this.run.started_at !== run.started_at;  // the id was used once more
    if (!this.run || again) this.build(run);
    const before = this.run?.status;
    this.run = run;
    this.status.dataset.status = run.status;
    setText(this.status, statusText(run));
    if (before && before !== run.status) say(`Run ${run.run_id}: ${statusText(run)}`);
    document.title = `${run.run_id} · ${statusText(run)} · Charter`;
    const focused = this.cancel === document.activeElement;
    this.cancel.hidden = Boolean(run.finished_at) || ['completed', 'failed', 'cancelled'].includes(run.status);
    if (focused && this.cancel.hidden) this.main.focus({preventScroll: true});
    this.error.hidden = !run.error;
    setText(this.error, run.error ?? '');
    setText(this.where, run.worker_id + (run.connected || run.finished_at ? '' : ' (not connected)'));
    this.answer.show(run);
    this.showTime();
  }

  build(run) {
    this.follower?.stop();
    this.logs?.stop();
    clearInterval(this.timer);
    this.model = new RunModel();
    this.events = new EventList();
    this.logs = new LogPanel(run);
    this.timeline = new Timeline(this.model);
    this.answer = new Answer(run);
    this.status = el('span', {class: 'status'});
    this.cancel = el('button', {type: 'button', class: 'danger', onclick: () => this.askCancel()}, 'Cancel run');
    this.error = el('p', {class: 'error', hidden: true});
    this.where = el('dd');
    this.took = el('dd');
    this.outputs = el('section', {class: 'card', 'aria-labelledby': 'outputs-title', hidden: true});
    const facts = el('dl', {class: 'facts'},
      el('dt', {}, 'Workflow'), el('dd', {title: run.workflow_path ?? ''}, run.workflow || 'unknown', ' ', run.workflow && el('a', {
        class: 'small', href: `#/start?${new URLSearchParams({workflow: run.workflow})}`}, 'start another')),
      el('dt', {}, 'Worker'), this.where,
      el('dt', {}, 'Started'), el('dd', {}, moment(run.started_at ?? run.announced_at)),
      el('dt', {}, 'Time'), this.took);
    fill(this.main, el('div', {class: 'head'}, el('h1', {}, run.run_id), this.status, this.cancel),
      this.answer.element, el('section', {class: 'card', 'aria-label': 'About this run'}, this.error, facts),
      el('div', {class: 'card'}, this.timeline.element), this.outputs, this.logs.element,
      this.events.element);
    this.follow(run);
    this.timer = setInterval(() => this.draw(), REDRAW);
  }

  follow(run) {
    this.follower = new Follower(path(['api', 'runs', this.id, 'events'], {worker: run.worker_id}), {
      onItem: (item) => {
        if (item.event !== 'message') return;
        const event = JSON.parse(item.data);
        if (!this.model.add(event)) return;
        this.events.add(event);
        this.drawSoon();
      },
      onRefused: (error) => setText(this.took, error.message),
    });
  }

  // Many events in one frame are drawn once.
  drawSoon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.stopped) return;
      this.timeline.draw();
      this.events.flush();
      this.showOutputs();
    });
  }

  draw() {
    if (this.model.over || document.hidden) return;
    this.timeline.draw();
    this.showTime();
  }

  showTime() {
    const begin = ms(this.run?.started_at ?? this.run?.announced_at);
    const end = this.run?.finished_at ? (this.model.latest || ms(this.run.finished_at)) : Date.now();
    if (this.run && !Number.isNaN(begin)) setText(this.took, duration(end - begin));
  }

  // What the steps have given so far, artifacts by their names.
  showOutputs() {
    const rows = [];
    for (const step of this.model.steps.values()) {
      for (const [name, value] of Object.entries(step.outputs ?? {})) {
        rows.push([`${step.id} · ${name}`, value]);
      }
    }
    if (rows.length === this.shownOutputs) return;
    this.shownOutputs = rows.length;
    this.outputs.hidden = rows.length === 0;
    fill(this.outputs, el('h2', {id: 'outputs-title'}, 'Outputs and artifacts'),
      el('dl', {class: 'facts'}, rows.map(([name, value]) => [el('dt', {}, name), el('dd', {}, this.value(value))])));
  }

  value(value) {
    if (value === null || typeof value !== 'object') return el('code', {}, String(value));
    if (value.kind === 'artifact') {
      return [el('strong', {}, `artifact ${value.name ?? ''} `),
        el('span', {class: 'small faint'}, `${value.content_type ?? ''}, ${value.byte_size ?? '?'} bytes, ${value.artifact_id}`)];
    }
    return el('pre', {tabindex: '0'}, JSON.stringify(value, null, 2));
  }

  askCancel() {
    const note = el('textarea', {rows: 2});
    const problem = el('p', {class: 'error', role: 'alert'});
    const yes = el('button', {type: 'button', class: 'danger', onclick: async () => {
      yes.disabled = true;
      try {
        const command = await order(path(['api', 'runs', this.id, 'cancel']),
          {worker: this.run.worker_id, ...(note.value && {note: note.value})});
        say(progress(command));
        this.dialog.close();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        setText(problem, error.message);
        yes.disabled = false;
      }
    }}, 'Cancel the run');
    this.dialog = el('dialog', {'aria-labelledby': 'cancel-title', onclose: () => this.dialog.remove()},
      el('h2', {id: 'cancel-title'}, `Cancel ${this.id}?`),
      el('p', {}, 'It is ended with all its processes, and cannot be resumed.'),
      field('Note', note, {help: 'May be left empty.'}), problem,
      el('div', {class: 'row'}, el('button', {type: 'button', class: 'first', autofocus: true, onclick: () => this.dialog.close()}, 'Keep it'), yes));
    document.body.append(this.dialog);
    this.dialog.showModal();
  }
}
