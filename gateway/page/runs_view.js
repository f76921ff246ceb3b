// The list of runs, newest first: filters, pages as they are scrolled to, and changes as they come.
import {get, path} from './api.js';
import {el, fill, field, say, setText} from './dom.js';
import {ago, moment, plural} from './format.js';

const PAGE = 100;
const NEAR = 600;  // pixels below the window
const MOST = 500;  // that the gateway lists at once
const STATUSES = ['running', 'paused', 'completed', 'failed', 'cancelled'];
const FILTERS = ['status', 'workflow', 'worker', 'text'];

const keyOf = (run) => JSON.stringify([run.worker_id, run.run_id, run.started_at]);
export const runHref = (run) => `#/runs/${encodeURIComponent(run.run_id)}?${new URLSearchParams({worker: run.worker_id})}`;

export function statusText(run) {
  if (run.status !== 'paused' || !run.waiting_for) return run.status;
  return run.waiting_for === 'gate' ? 'needs approval' : 'needs answers';
}

export class RunsView {
  title = 'Runs';

  constructor(main, parameters) {
    this.filter = Object.fromEntries(FILTERS.map((name) => [name, parameters.get(name) ?? '']));
    this.rows = new Map();  // key of a run: its row
    this.runs = new WeakMap();  // the same by its element
    this.next = null;
    this.generation = 0;
    this.list = el('ol', {class: 'list runs', 'aria-label': 'Runs'});
    this.note = el('p', {class: 'faint', role: 'status'}, 'Loading…');
    this.more = el('button', {type: 'button', hidden: true, onclick: () => this.loadMore()}, 'Show more');
    fill(main, el('h1', {}, 'Runs'), this.filters(), this.note, this.list, this.more);
    // Not by an IntersectionObserver: that is silent when the end is out of sight for less than a frame.
    this.onScroll = () => this.loadNear();
    addEventListener('scroll', this.onScroll, {passive: true});
    addEventListener('resize', this.onScroll);
    this.timer = setInterval(() => this.tellTimes(), 30_000);
    this.reload();
    this.loadWorkflows();
  }

  stop() {
    ++this.generation;
    removeEventListener('scroll', this.onScroll);
    removeEventListener('resize', this.onScroll);
    clearInterval(this.timer);
  }

  filters() {
    const status = el('select', {name: 'status'}, el('option', {value: ''}, 'any'),
      STATUSES.map((name) => el('option', {value: name, selected: name === this.filter.status}, name)));
    this.workflows = el('select', {name: 'workflow'}, el('option', {value: ''}, 'any'));
    const text = el('input', {name: 'text', type: 'search', value: this.filter.text, autocomplete: 'off'});
    const form = el('form', {class: 'row filters', role: 'search', 'aria-label': 'Filter runs',
      onsubmit: (event) => event.preventDefault(),
      oninput: () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.filterBy(form), 200);
      }},
      field('Status', status), field('Workflow', this.workflows), field('Text', text, {classes: 'grow'}));
    if (this.filter.worker) {
      form.append(el('p', {class: 'small'}, `Worker ${this.filter.worker} `, el('a', {href: '#/runs'}, 'all workers')));
    }
    return form;
  }

  filterBy(form) {
    const values = new FormData(form);
    for (const name of ['status', 'workflow', 'text']) this.filter[name] = values.get(name).trim();
    const query = new URLSearchParams(Object.entries(this.filter).filter(([, value]) => value));
    history.replaceState(null, '', `#/runs${query.size ? `?${query}` : ''}`);
    this.reload();
  }

  async loadWorkflows() {
    try {
      const {workflows} = await get('/api/workflows');
      const chosen = this.filter.workflow;
      const names = workflows.map((row) => row.workflow);
      if (chosen && !names.includes(chosen)) names.push(chosen);
      fill(this.workflows, el('option', {value: ''}, 'any'),
        names.map((name) => el('option', {value: name, selected: name === chosen}, name)));
    } catch {
      // The list's own request tells of trouble.
    }
  }

  async reload() {
    const mine = ++this.generation;
    this.loading = false;
    const page = await this.page('', mine);
    if (!page) return;
    this.rows.clear();
    this.list.replaceChildren();
    this.append(page);
    this.loadNear();
    say(this.note.textContent);
  }

  async loadMore() {
    if (this.loading || this.next === null) return;
    this.loading = true;
    const page = await this.page(this.next, this.generation);
    this.loading = false;
    if (!page) return;
    this.append(page);
    this.loadNear();
  }

  // The next page when the end of the list is near.
  loadNear() {
    if (!this.more.hidden && this.more.getBoundingClientRect().top < innerHeight + NEAR) this.loadMore();
  }

  async page(cursor, mine) {
    try {
      const page = await get(path(['api', 'runs'], {...this.filter, limit: PAGE, cursor}));
      return mine === this.generation ? page : null;
    } catch (error) {
      if (mine === this.generation) this.note.textContent = error.message;
      return null;
    }
  }

  append(page) {
    const fresh = document.createDocumentFragment();
    for (const run of page.runs) {
      if (this.rows.has(keyOf(run))) continue;
      fresh.append(this.row(run));
    }
    this.list.append(fresh);
    this.next = page.next;
    this.tellCount();
  }

  tellCount() {
    this.more.hidden = this.next === null;
    const filtered = FILTERS.some((name) => this.filter[name]);
    const count = this.rows.size;
    let text = `${plural(count, 'run')}${this.next === null ? '' : ' shown'}`;
    if (count === 0) text = filtered ? 'No run is like that.' : 'No run yet. Start one here, or with: charter-daemon run WORKFLOW';
    setText(this.note, text);
  }

  row(run) {
    const item = el('li', {}, el('a', {href: runHref(run)},
      el('span', {class: 'id'}, run.run_id), el('span', {class: 'workflow'}, run.workflow),
      el('span', {class: 'status'}), el('span', {class: 'worker faint small'}, run.worker_id),
      el('time', {class: 'when faint small'})));
    const row = {item, run, status: item.querySelector('.status'), time: item.querySelector('time')};
    this.rows.set(keyOf(run), row);
    this.runs.set(item, row);
    this.show(row);
    return item;
  }

  show(row) {
    row.status.dataset.status = row.run.status;
    setText(row.status, statusText(row.run));
    const began = row.run.started_at ?? row.run.announced_at;
    row.time.dateTime = began;
    row.time.title = moment(began);
    setText(row.time, ago(began));
  }

  tellTimes() {
    for (const row of this.rows.values()) setText(row.time, ago(row.run.started_at ?? row.run.announced_at));
  }

  matches(run) {
    const {status, workflow, worker, text} = this.filter;
    if ((status && run.status !== status) || (workflow && run.workflow !== workflow)) return false;
    if (worker && run.worker_id !== worker) return false;
    return `${run.run_id}\n${run.workflow}\n${run.worker_id}`.toLowerCase().includes(text.toLowerCase());
  }

  // An item of the stream of all runs.
  changed(item) {
    if (item.event === 'run') this.apply(JSON.parse(item.data));
    if (item.event === 'ready' || item.event === 'reset' || item.event === 'workers') this.refresh();
  }

  // What is shown, looked at anew: changes were missed, or there were too many to tell one by one.
  async refresh() {
    const mine = this.generation;
    let cursor = '';
    for (let left = Math.max(this.rows.size, 1); left > 0 && cursor !== null; left -= MOST) {
      let page;
      try {
        page = await get(path(['api', 'runs'], {...this.filter, limit: Math.min(Math.max(left, PAGE), MOST), cursor}));
      } catch {
        return;
      }
      if (mine !== this.generation) return;
      for (const run of page.runs) this.apply(run);
      cursor = page.next;
    }
  }

  apply(run) {
    const known = this.rows.get(keyOf(run));
    const fits = this.matches(run);
    if (known && fits) {
      known.run = run;
      this.show(known);
    } else if (known) {
      known.item.remove();
      this.rows.delete(keyOf(run));
    } else if (fits) {
      this.insert(run);
    }
    this.tellCount();
  }

  insert(run) {
    let after = this.list.firstElementChild;
    while (after && this.runs.get(after).run.announced_at > run.announced_at) after = after.nextElementSibling;
    // Its place may be on a page that is not here yet.
    if (!after && this.next !== null) return;
    this.list.insertBefore(this.row(run), after);
  }
}
