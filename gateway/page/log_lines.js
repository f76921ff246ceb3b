// What a run prints, cut into lines: the last ones only, or the first ones. Knows nothing of the page.

export const MOST = 2000;
const LONGEST = 4000;  // characters; what is longer goes on in another line

// Colours and other orders to terminals, whole or cut off at the end, and what else is no text.
const ORDERS = /\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|[ -/]*(?:[0-~]|$))/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

// As a terminal would show the line: what was written over is gone.
export function shown(text) {
  const plain = text.replace(ORDERS, '').replace(/\r+$/, '');
  return plain.slice(plain.lastIndexOf('\r') + 1).replace(CONTROLS, '');
}

export class LogLines {
  full = false;        // of first ones: there is no room for what comes
  gone = false;        // of last ones: some have come before
  lines = [];          // {step, attempt, stream, source, time, text, number}, or {dropped}, oldest first
  changed = new Set();
  steps = new Set();
  #begun = new Map();  // the line of each stream that has not ended
  #count = 0;

  // `first`: keeps the first lines.
  constructor(first) {
    this.first = first;
  }

  // Takes a piece of the gateway's.
  add(piece) {
    if (piece.dropped) {
      this.#begun.clear();
      this.#push({dropped: piece.dropped, step: null});
    }
    if (piece.step) this.steps.add(piece.step);
    const key = `${piece.stream} ${piece.source ?? ''}`;
    let line = this.#begun.get(key);
    if (line && (line.step !== piece.step || line.attempt !== piece.attempt)) line = null;
    const parts = piece.text.split('\n');
    parts.forEach((part, index) => {
      for (let rest = part; rest || index < parts.length - 1;) {
        line ??= this.#push({step: piece.step, attempt: piece.attempt, stream: piece.stream,
          source: piece.source, time: piece.time, text: ''});
        const room = LONGEST - line.text.length;
        line.text += rest.slice(0, room);
        if (line.number) this.changed.add(line);
        rest = rest.slice(room);
        if (!rest) break;
        line = null;
      }
      if (index < parts.length - 1) line = null;
    });
    if (line) this.#begun.set(key, line);
    else this.#begun.delete(key);
  }

  #push(line) {
    this.full ||= this.first && this.lines.length === MOST;
    if (this.full) return line;
    line.number = ++this.#count;
    this.lines.push(line);
    this.changed.add(line);
    if (this.lines.length > MOST) {
      this.gone = true;
      this.changed.delete(this.lines.shift());
    }
    return line;
  }
}
