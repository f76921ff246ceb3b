// A run as its events tell it: steps with their attempts and pauses. Knows nothing of the page.
import {ms} from './format.js';

const nameOf = (id) => (typeof id === 'string' ? id : JSON.stringify(id));

export class RunModel {
  steps = new Map();  // id: {id, capability, status, spans, outputs, inputs, error, notes}
  status = 'running';
  error = null;
  begin = NaN;   // in ms, as the other times here
  latest = NaN;
  nextSeq = 0;

  get over() {
    return ['completed', 'failed', 'cancelled'].includes(this.status);
  }

  // Takes an element of the gateway's `events`; false when it was here already.
  add(item) {
    if (item.seq < this.nextSeq) return false;
    this.nextSeq = item.seq + 1;
    const at = ms(item.occurred_at);
    if (Number.isNaN(this.begin)) this.begin = at;
    this.latest = Math.max(at, Number.isNaN(this.latest) ? at : this.latest);
    this.take(item.event, at);
    return true;
  }

  step(id) {
    const name = nameOf(id);
    if (!this.steps.has(name)) {
      this.steps.set(name, {id: name, capability: null, status: 'running', spans: [], outputs: null,
        inputs: null, error: null, notes: []});
    }
    return this.steps.get(name);
  }

  // A stretch of time: an attempt, or a pause (state "waiting").
  open(step, at, state) {
    step.status = state === 'waiting' ? 'paused' : 'running';
    step.spans.push({start: at, end: null, state});
  }

  close(step, at, state) {
    const span = step.spans.at(-1);
    if (span && span.end === null) {
      span.end = Math.max(at, span.start);
      if (span.state !== 'waiting') span.state = state;
    }
  }

  take(event, at) {
    const handler = HANDLERS[event.kind];
    if (handler) handler(this, event, at);
  }

  finish(status, at) {
    this.status = status;
    for (const step of this.steps.values()) {
      if (step.status !== 'running' && step.status !== 'paused') continue;
      this.close(step, at, status === 'failed' ? 'failed' : 'cancelled');
      step.status = status === 'completed' ? 'done' : status;
    }
  }
}

const pending = (model, event, at) => {
  const step = model.step(event.step_id);
  model.close(step, at, 'done');
  model.open(step, at, 'waiting');
  model.status = 'paused';
};

const HANDLERS = {
  StepStartEvent(model, event, at) {
    const step = model.step(event.step_id);
    model.status = 'running';
    step.capability = event.capability_id ?? null;
    step.inputs = event.inputs ?? null;
    const last = step.spans.at(-1);
    if (last && last.end === null && last.state === 'running') last.start = at;
    else model.open(step, at, 'running');
  },
  StepRetryEvent(model, event, at) {
    const step = model.step(event.step_id);
    model.close(step, at, 'retried');
    step.notes.push(`Attempt ${event.attempt} of ${event.max_attempts} failed: ${event.error}`);
    model.open(step, at + (event.delay_seconds ?? 0) * 1000, 'running');
  },
  StepCompleteEvent(model, event, at) {
    const step = model.step(event.step_id);
    model.status = 'running';
    model.close(step, at, 'done');
    step.status = 'done';
    step.outputs = event.outputs ?? null;
  },
  StepFailedEvent(model, event, at) {
    const step = model.step(event.step_id);
    model.close(step, at, 'failed');
    step.status = 'failed';
    step.error = event.error ?? null;
  },
  StepSkippedEvent(model, event, at) {
    const step = model.step(event.step_id);
    if (!step.spans.length) step.spans.push({start: at, end: at, state: 'skipped'});
    model.close(step, at, 'skipped');
    step.status = 'skipped';
  },
  GatePendingEvent: pending,
  InputPendingEvent: pending,
  GateDecisionEvent(model, event, at) {
    const step = model.step(event.step_id);
    model.close(step, at, 'done');
    model.status = 'running';
    step.status = event.approved ? 'done' : 'cancelled';
    step.notes.push((event.approved ? 'Approved' : 'Refused') + (event.note ? `: ${event.note}` : ''));
  },
  RunCompleteEvent: (model, event, at) => model.finish('completed', at),
  RunCancelledEvent(model, event, at) {
    model.error = event.note ?? null;
    model.finish('cancelled', at);
  },
  RunFailedEvent(model, event, at) {
    model.error = event.error ?? null;
    model.finish('failed', at);
  },
};

// An event in a few words.
export function describe(event) {
  switch (event.kind) {
    case 'StepStartEvent': return 'started';
    case 'StepCompleteEvent': return 'done';
    case 'StepSkippedEvent': return 'skipped';
    case 'StepFailedEvent': return `failed: ${event.error}`;
    case 'StepRetryEvent': return `attempt ${event.attempt} of ${event.max_attempts} failed: ${event.error}`;
    case 'GatePendingEvent': return 'waits for approval';
    case 'InputPendingEvent': return 'waits for answers';
    case 'GateDecisionEvent': return (event.approved ? 'approved' : 'refused') + (event.note ? `: ${event.note}` : '');
    case 'RunCompleteEvent': return 'run completed';
    case 'RunCancelledEvent': return `run cancelled${event.note ? `: ${event.note}` : ''}`;
    case 'RunFailedEvent': return `run failed: ${event.error}`;
    default: return String(event.kind);
  }
}
