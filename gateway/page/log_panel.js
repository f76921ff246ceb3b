// What the steps of a run print, while somebody looks: from near its end on, as it comes, or its beginning.
// Stays at the end unless it was scrolled away from there.
import {path} from './api.js';
import {el, fill, setText} from './dom.js';
import {bytes, clock} from './format.js';
import {LogLines, MOST, shown} from './log_lines.js';
import {Follower} from './sse.js';

const TAIL = 256 * 1024;
const NEAR = 24;  // pixels from the end that count as the end

export class LogPanel {
  constructor(run) {
    this.run = run;
    this.rows = new Map();  // line to element
    this.note = el('p', {class: 'faint small', role: 'status'});
    this.step = el('select', {'aria-label': 'Step', onchange: () => this.rebuild()}, el('option', {value: ''}, 'All steps'));
    this.other = el('button', {type: 'button', hidden: true, onclick: () => this.follow(!this.log.first)}, 'From the beginning');
    this.list = el('div', {class: 'log', tabindex: '0', role: 'region', 'aria-label': 'Log'});
    this.element = el('details', {class: 'card', ontoggle: () => this.toggled()},
      el('summary', {}, el('strong', {}, 'Logs')),
      el('div', {class: 'row'}, this.step, this.other), this.note, this.list);
  }

  toggled() {
    if (!this.element.open) return this.stop();
    if (!this.follower) this.follow(false);
  }

  stop() {
    this.follower?.stop();
    this.follower = null;
  }

  // `first`: the first lines that are kept, else the last.
  follow(first) {
    this.stop();
    this.log = new LogLines(first);
    this.steps = 0;
    this.cut = false;  // there is more than what is shown
    this.trouble = '';
    this.state = 'Asking the daemon…';
    this.rebuild();
    const address = path(['api', 'runs', this.run.run_id, 'log'], {worker: this.run.worker_id, tail: first ? '' : TAIL});
    this.follower = new Follower(address, {
      onItem: (item) => this.take(item),
      onState: (state) => {
        if (state === 'open') this.state = '';
        this.drawSoon();
      },
      onRefused: (error) => {
        this.follower = null;
        this.trouble = `Logs are not offered: ${error.message}.`;
        this.drawSoon();
      },
    });
  }

  take(item) {
    if (item.event === 'message') this.add(JSON.parse(item.data).pieces);
    else if (item.event === 'trouble') this.trouble = `Nothing can be shown now: ${JSON.parse(item.data).message}.`;
    else if (item.event === 'fine') this.trouble = '';
    else if (item.event === 'end') this.state = this.log.lines.length ? 'This is all.' : 'Nothing was printed, or nothing of it is kept.';
    this.drawSoon();
  }

  add(pieces) {
    for (const piece of pieces) {
      this.cut ||= Boolean(piece.earlier);
      this.log.add(piece);
    }
    this.cut ||= this.log.gone;
    if (!this.log.full) return;
    this.stop();
    this.state = `The first ${MOST} lines. The whole: charter-daemon logs ${this.run.run_id}`;
  }

  drawSoon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const {list, log} = this;
    const coming = log.lines.length ? (this.cut ? 'The end of it, as it comes.' : 'As it comes.') : 'Nothing has been printed yet.';
    setText(this.note, this.trouble || this.state || coming);
    this.other.hidden = !log.first && !this.cut;
    setText(this.other, log.first ? 'To the end' : 'From the beginning');
    const atEnd = !log.first && list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    for (const line of log.changed) this.put(line);
    log.changed.clear();
    // Lines come in their order, so those that are gone lie before the first that is kept.
    const first = log.lines[0]?.number ?? 0;
    for (const [line, row] of this.rows) {
      if (line.number >= first) break;
      row.remove();
      this.rows.delete(line);
    }
    if (log.steps.size > this.steps) {
      this.steps = log.steps.size;
      const chosen = this.step.value;
      fill(this.step, el('option', {value: ''}, 'All steps'), [...log.steps].map((step) => el('option', {value: step}, step)));
      this.step.value = chosen;
    }
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  rebuild() {
    fill(this.list);
    this.rows.clear();
    for (const line of this.log.lines) this.log.changed.add(line);
    this.draw();
    this.list.scrollTop = this.log.first ? 0 : this.list.scrollHeight;
  }

  put(line) {
    const row = this.rows.get(line);
    if (row) return setText(row.lastElementChild, shown(line.text));
    const wanted = this.step.value;
    if (wanted && line.step !== wanted) return;
    const added = this.row(line);
    this.rows.set(line, added);
    this.list.append(added);
  }

  row(line) {
    if (line.dropped) return el('p', {class: 'faint'}, `${bytes(line.dropped)} before this are not kept any more.`);
    const source = line.source ?? line.step ?? '';
    const attempt = line.attempt > 1 ? `#${line.attempt}` : '';
    return el('p', {'data-stream': line.stream, title: `${clock(line.time)} ${line.stream}`},
      el('span', {class: 'faint'}, `${source}${attempt} `), el('span', {}, shown(line.text)));
  }
}
