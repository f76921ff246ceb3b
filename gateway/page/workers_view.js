// The daemons: those that are connected, and those that were.
import {get} from './api.js';
import {el, fill} from './dom.js';
import {ago, moment, plural} from './format.js';

const EVERY = 5000;  // loads come with heartbeats, which no event tells of

export class WorkersView {
  title = 'Workers';

  constructor(main) {
    this.list = el('ul', {class: 'list'});
    this.note = el('p', {class: 'faint', role: 'status'}, 'Loading…');
    fill(main, el('h1', {}, 'Workers'), this.note, this.list);
    this.timer = setInterval(() => this.load(), EVERY);
    this.load();
  }

  stop() {
    clearInterval(this.timer);
  }

  changed(item) {
    if (item.event === 'workers' || item.event === 'ready') this.load();
  }

  async load() {
    let workers;
    try {
      ({workers} = await get('/api/workers'));
    } catch (error) {
      this.note.textContent = error.message;
      return;
    }
    const connected = workers.filter((worker) => worker.connected).length;
    this.note.textContent = workers.length === 0
      ? 'No daemon has connected yet. Start one with: charter-daemon start'
      : `${connected} of ${plural(workers.length, 'daemon')} connected`;
    fill(this.list, workers.map((worker) => this.row(worker)));
  }

  row(worker) {
    const state = worker.connected ? 'running' : 'cancelled';
    const load = worker.load
      ? `${worker.load.running} running of ${worker.max_runs ?? '?'}, ${worker.load.paused} paused`
      : 'not connected';
    const seen = worker.connected ? `since ${moment(worker.connected_at)}` : `last seen ${ago(worker.last_seen_at)}`;
    return el('li', {class: 'card'},
      el('p', {}, el('span', {class: 'status', 'data-status': state}, worker.connected ? 'connected' : 'away'), ' ',
        el('strong', {}, worker.worker_id)),
      el('p', {class: 'small'}, load, ' · ', seen, ' · ', el('span', {class: 'faint'}, `${worker.protocol}, ${worker.peer}`)),
      el('p', {class: 'small'}, el('a', {href: `#/runs?${new URLSearchParams({worker: worker.worker_id})}`}, 'Its runs')));
  }
}
