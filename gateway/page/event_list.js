// The events of a run as they came, the last ones of a long run only.
import {el, setText} from './dom.js';
import {clock} from './format.js';
import {describe} from './run_model.js';

const SHOWN = 400;

export class EventList {
  constructor() {
    this.count = 0;
    this.list = el('ol', {class: 'list events', 'aria-label': 'Events'});
    this.note = el('p', {class: 'faint small'});
    this.waiting = [];
    this.details = el('details', {class: 'card', ontoggle: () => this.flush()},
      el('summary', {}, el('strong', {}, 'Events')), this.note, this.list);
    this.element = this.details;
  }

  add(item) {
    ++this.count;
    this.waiting.push(item);
    if (this.waiting.length > SHOWN) this.waiting.shift();
  }

  // Puts what has come since the last time onto the page, unless nobody looks.
  flush() {
    const shown = Math.min(this.count, SHOWN);
    setText(this.note, `${this.count} so far${this.count > shown ? `, the last ${shown} here` : ''}`);
    if (!this.details.open) return;
    this.list.append(...this.waiting.map((item) => this.row(item)));
    this.waiting = [];
    while (this.list.children.length > SHOWN) this.list.firstElementChild.remove();
  }

  row(item) {
    const {event} = item;
    const raw = el('pre', {tabindex: '0'});
    return el('li', {class: 'small'}, el('details', {ontoggle: () => setText(raw, JSON.stringify(event, null, 2))},
      el('summary', {}, el('span', {class: 'faint mono'}, `${item.seq} `),
        el('time', {datetime: item.occurred_at, class: 'faint'}, `${clock(item.occurred_at)} `),
        event.step_id !== undefined && el('strong', {}, `${event.step_id} `), describe(event)), raw));
  }
}
