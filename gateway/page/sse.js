// Server-sent events by fetch, since EventSource cannot send the token. Comes back after it was cut
// off, later each time; rests while the page is hidden, because a browser opens few connections to
// one host.
import {headers, refusal, signals} from './api.js';

const FIRST_WAIT = 400;
const LONGEST_WAIT = 8000;
const SILENCE = 40_000;  // the gateway says something every 15 s

export class Follower {
  // `onItem({event, data, id})`; `onState('open' | 'lost' | 'over')`; `onRefused(error)`: it will
  // not come back.
  constructor(path, {onItem, onState = () => {}, onRefused = () => {}}) {
    Object.assign(this, {path, onItem, onState, onRefused});
    this.wait = FIRST_WAIT;
    this.lastId = '';
    this.onVisible = () => this.visibilityChanged();
    document.addEventListener('visibilitychange', this.onVisible);
    this.run();
  }

  stop() {
    this.stopped = true;
    document.removeEventListener('visibilitychange', this.onVisible);
    this.controller?.abort();
    clearTimeout(this.timer);
  }

  // At once, in place of the wait that is under way.
  retry() {
    if (this.stopped || this.controller) return;
    clearTimeout(this.timer);
    this.run();
  }

  visibilityChanged() {
    if (document.hidden) this.controller?.abort();
    else this.retry();
  }

  async run() {
    if (document.hidden) return;
    const controller = new AbortController();
    this.controller = controller;
    let again = true;
    try {
      again = await this.readAll(controller);
    } catch {
      // Cut off, refused by the network, or aborted.
    }
    clearTimeout(this.silence);
    this.controller = null;
    if (this.stopped || document.hidden) return;
    if (!again) return this.stop();
    this.onState('lost');
    this.timer = setTimeout(() => this.run(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }

  heard(controller) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => controller.abort(), SILENCE);
  }

  // Whether to come back.
  async readAll(controller) {
    const more = {Accept: 'text/event-stream'};
    if (this.lastId) more['Last-Event-ID'] = this.lastId;
    this.heard(controller);
    const response = await fetch(this.path, {
      headers: headers(more), signal: controller.signal, cache: 'no-store', credentials: 'omit',
    });
    if (response.status === 204) {
      this.onState('over');
      return false;
    }
    if (!response.ok) {
      const error = await refusal(response);
      if (response.status >= 500) return true;
      this.onRefused(error);
      return false;
    }
    this.wait = FIRST_WAIT;
    this.onState('open');
    signals.dispatchEvent(new Event('reachable'));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return !this.over;
      this.heard(controller);
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) this.take(block);
    }
  }

  take(block) {
    const item = {event: 'message', data: [], id: ''};
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') item.data.push(value);
      else if (name === 'event' || name === 'id') item[name] = value;
    }
    if (item.id) this.lastId = item.id;
    if (!item.data.length || this.stopped) return;
    if (item.event === 'end') this.over = true;
    this.onItem({...item, data: item.data.join('\n')});
    if (this.over) this.onState('over');
  }
}
