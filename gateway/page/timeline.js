// The steps of a run as bars over time. A person's waiting is drawn shorter than it was unless asked
// otherwise, because minutes of it would leave no room for the steps.
import {el, fill, setText} from './dom.js';
import {duration} from './format.js';

const SHORT_WAIT = 0.15;  // of the time in which something happened, for each pause
const TICKS = 4;
const WORDS = {running: 'running', paused: 'waiting', done: 'done', failed: 'failed', skipped: 'skipped', cancelled: 'cancelled'};

// Where a time is between 0 and 1.
function scaleOf(model, now, shorten) {
  const begin = model.begin;
  const end = Math.max(now, begin + 1);
  if (!shorten) return (at) => (at - begin) / (end - begin);
  const pauses = [];
  for (const step of model.steps.values()) {
    for (const span of step.spans) if (span.state === 'waiting') pauses.push([span.start, span.end ?? now]);
  }
  const waited = pauses.reduce((sum, [from, to]) => sum + to - from, 0);
  const most = Math.max((end - begin - waited) * SHORT_WAIT, 50);
  const drawn = (at) => pauses.reduce((sum, [from, to]) => {
    const part = Math.min(Math.max(at - from, 0), to - from);
    return to - from > most ? sum - part + part * (most / (to - from)) : sum;
  }, at - begin);
  const whole = Math.max(drawn(end), 1);
  return (at) => drawn(at) / whole;
}

function put(bar, from, to) {
  bar.style.left = `${(from * 100).toFixed(3)}%`;
  bar.style.width = `${((to - from) * 100).toFixed(3)}%`;
}

const json = (value) => JSON.stringify(value, null, 2);
const empty = (value) => value === null || Object.keys(value).length === 0;

export class Timeline {
  constructor(model) {
    this.model = model;
    this.rows = new Map();
    this.list = el('ol', {class: 'list steps', 'aria-label': 'Steps'});
    this.ticks = el('div', {class: 'ticks'});
    this.shorten = el('input', {type: 'checkbox', checked: true, onchange: () => this.draw()});
    this.element = el('section', {class: 'timeline', 'aria-labelledby': 'steps-title'},
      el('div', {class: 'head'}, el('h2', {id: 'steps-title'}, 'Steps'),
        el('label', {class: 'choice small'}, this.shorten, 'Draw waiting shorter')),
      el('div', {class: 'axis', 'aria-hidden': 'true'}, el('span', {class: 'pad'}), this.ticks), this.list);
  }

  // Draws what changed; `now` is the end of the axis while the run goes on.
  draw(now = Date.now()) {
    const {model} = this;
    if (Number.isNaN(model.begin)) return;
    const end = model.over ? model.latest : Math.max(now, model.latest);
    const scale = scaleOf(model, end, this.shorten.checked);
    for (const step of model.steps.values()) this.drawStep(step, scale, end);
    this.drawTicks(scale, end);
  }

  drawStep(step, scale, end) {
    let row = this.rows.get(step.id);
    if (!row) {
      row = this.newRow(step);
      this.rows.set(step.id, row);
      this.list.append(row.item);
    }
    step.spans.forEach((span, at) => {
      row.bars[at] ??= row.track.appendChild(el('span', {class: 'bar'}));
      row.bars[at].dataset.state = span.state;
      put(row.bars[at], scale(Math.min(span.start, end)), scale(Math.min(span.end ?? end, end)));
    });
    row.status.dataset.status = step.status;
    setText(row.status, WORDS[step.status] ?? step.status);
    const worked = step.spans.reduce((sum, span) => sum + (span.end ?? end) - span.start, 0);
    setText(row.took, duration(worked));
    const said = json([step.status, step.spans.length, step.notes.length, step.outputs, step.error]);
    if (row.details.open && row.said !== said) this.fillDetails(row, step, said);
  }

  newRow(step) {
    const row = {bars: [], said: ''};
    row.track = el('div', {class: 'track', 'aria-hidden': 'true'});
    row.status = el('span', {class: 'status small'});
    row.took = el('span', {class: 'took small'});
    row.inner = el('div', {class: 'inner small'});
    row.details = el('details', {ontoggle: () => row.details.open && this.fillDetails(row, step)},
      el('summary', {}, el('span', {class: 'what'}, el('span', {class: 'name', title: step.id}, step.id), row.status), row.track, row.took), row.inner);
    row.item = el('li', {}, row.details);
    return row;
  }

  fillDetails(row, step, said = '') {
    row.said = said;
    let attempts = 0;
    const spans = step.spans.map((span) => {
      const what = span.state === 'waiting' ? 'Waited' : `Attempt ${++attempts} ${span.state}`;
      const long = span.end === null ? 'until now' : `for ${duration(span.end - span.start)}`;
      return el('li', {}, `${what}, ${long}, from +${duration(span.start - this.model.begin)}`);
    });
    fill(row.inner, step.capability && el('p', {}, 'Uses ', el('code', {}, step.capability)),
      el('ul', {}, spans), step.notes.map((note) => el('p', {}, note)),
      step.error && el('p', {class: 'error'}, step.error),
      !empty(step.inputs) && [el('p', {class: 'faint'}, 'Inputs'), el('pre', {tabindex: '0'}, json(step.inputs))],
      !empty(step.outputs) && [el('p', {class: 'faint'}, 'Outputs'), el('pre', {tabindex: '0'}, json(step.outputs))]);
  }

  // Even parts of the axis, each with the time that is there.
  drawTicks(scale, end) {
    const {begin} = this.model;
    while (this.ticks.children.length <= TICKS) this.ticks.append(el('span'));
    for (let at = 0; at <= TICKS; ++at) {
      let low = begin;
      let high = end;
      for (let round = 0; round < 30; ++round) {
        const middle = (low + high) / 2;
        if (scale(middle) < at / TICKS) low = middle;
        else high = middle;
      }
      const tick = this.ticks.children[at];
      tick.style.left = `${(at * 100) / TICKS}%`;
      setText(tick, at === 0 ? '0' : duration(high - begin));
    }
  }
}
