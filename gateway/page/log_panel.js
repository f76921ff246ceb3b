// What the steps of a run print, while somebody looks: from near its end on, as it comes. Stays at the
// end unless it was scrolled away from there.
import {path} from './api.js';
import {el, fill, setText} from './dom.js';
import {bytes, clock} from './format.js';
import {LogLines, shown} from './log_lines.js';
import {Follower} from './sse.js';

const TAIL = 256 * 1024;
const NEAR = 24;  // pixels from the end that count as the end

export class LogPanel {
  constructor(run) {
    this.run = run;
    this.rows = new Map();  // line to element
    this.note = el('p', {class: 'faint small', role: 'status'});
    this.step = el('select', {'aria-label': 'Step', onchange: () => this.rebuild()}, el('option', {value: ''}, 'All steps'));
    this.beginning = el('button', {type: 'button', onclick: () => this.follow(0)}, 'From the beginning');
    this.list = el('div', {class: 'log', tabindex: '0', role: 'region', 'aria-label': 'Log'});
    this.element = el('details', {class: 'card', ontoggle: () => this.toggled()},
      el('summary', {}, el('strong', {}, 'Logs')),
      el('div', {class: 'row'}, this.step, this.beginning), this.note, this.list);
  }

  toggled() {
    if (!this.element.open) return this.stop();
    if (!this.follower) this.follow(TAIL);
  }

  stop() {
    this.follower?.stop();
    this.follower = null;
  }

  // `tail`: about so many bytes of the end; 0: all that is kept.
  follow(tail) {
    this.stop();
    this.log = new LogLines();
    this.steps = 0;
    this.tail = tail;
    this.rebuild();
    this.say('Asking the daemon…');
    this.beginning.hidden = !tail;
    const address = path(['api', 'runs', this.run.run_id, 'log'], {worker: this.run.worker_id, tail: tail || ''});
    this.follower = new Follower(address, {
      onItem: (item) => this.take(item),
      onState: (state) => state === 'open' && !this.log.lines.length && this.say('Nothing has been printed yet.'),
      onRefused: (error) => {
        this.follower = null;
        this.beginning.hidden = true;
        this.say(`Logs are not offered: ${error.message}.`);
      },
    });
  }

  take(item) {
    if (item.event === 'message') {
      for (const piece of JSON.parse(item.data).pieces) this.log.add(piece);
      this.drawSoon();
    } else if (item.event === 'trouble') {
      this.say(`Nothing can be shown now: ${JSON.parse(item.data).message}.`);
      this.told = true;
    } else if (item.event === 'end' && !this.told) {
      this.say(this.log.lines.length ? 'This is all.' : 'Nothing was printed, or nothing of it is kept.');
    }
    if (item.event === 'fine') this.say('');
  }

  say(text) {
    this.told = false;
    setText(this.note, text);
  }

  drawSoon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.told && this.note.textContent !== 'This is all.') {
        this.say(this.tail ? 'The end of it, as it comes.' : 'As it comes.');
      }
      this.draw();
    });
  }

  draw() {
    const {list, log} = this;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
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
    this.list.scrollTop = this.list.scrollHeight;
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
