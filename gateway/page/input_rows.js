// The inputs of a start: those that a workflow declares, and others by name.
import {el, field, setProblem} from './dom.js';

function parsedAs(kind, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error.message}`);
  }
  if (kind === 'array' && !Array.isArray(value)) throw new Error('This is no array, like ["a", "b"].');
  const plain = value !== null && typeof value === 'object' && !Array.isArray(value);
  if (kind === 'object' && !plain) throw new Error('This is no object, like {"a": 1}.');
  return value;
}

// From text to value; an error says what is wrong.
const READ = {
  string: (text) => text,
  number(text) {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) throw new Error('This is no number.');
    return value;
  },
  boolean: (text) => text === 'true',
  array: (text) => parsedAs('array', text),
  object: (text) => parsedAs('object', text),
  JSON: (text) => parsedAs('JSON', text),
};

// A row: {name(), read(), problem(text), focus(), box}. `read` gives undefined for nothing.
function declaredRow(input) {
  const options = ['', 'true', 'false'].map((value) => el('option', {value}, value || 'not given'));
  const control = input.type === 'boolean' ? el('select', {required: input.required}, options)
    : el('textarea', {rows: 1, required: input.required});
  if (input.default !== undefined && input.default !== null) {
    control.value = input.type === 'string' ? input.default : JSON.stringify(input.default);
  }
  const type = input.type === 'string' ? '' : ` (${input.type})`;
  const box = field(`${input.name}${type}${input.required ? '' : ', optional'}`, control, {help: input.description});
  return {
    box: el('li', {}, box),
    name: () => input.name,
    read() {
      if (control.value !== '') return READ[input.type](control.value);
      if (input.required) throw new Error('It is required.');
      return undefined;
    },
    problem: (text) => setProblem(box, control, text),
    focus: () => control.focus(),
  };
}

function freeRow(text, onRemove) {
  const name = el('input', {value: text, autocomplete: 'off', spellcheck: 'false', size: 14});
  const kind = el('select', {}, ['string', 'number', 'boolean', 'JSON'].map((word) => el('option', {}, word)));
  const value = el('textarea', {rows: 1});
  const valueBox = field('Value', value, {classes: 'grow'});
  const row = {
    name: () => name.value.trim(),
    read() {
      if (!row.name() && value.value) throw new Error('It needs a name.');
      if (!row.name()) return undefined;
      if (kind.value === 'boolean' && !['true', 'false'].includes(value.value)) throw new Error('Say true or false.');
      return READ[kind.value](value.value);
    },
    problem: (message) => setProblem(valueBox, value, message),
    focus: () => (name.value ? value : name).focus(),
  };
  row.box = el('li', {class: 'row'}, field('Name', name), field('Kind', kind), valueBox,
    el('button', {type: 'button', 'aria-label': 'Remove this input', onclick: () => onRemove(row)}, 'Remove'));
  return row;
}

export class InputRows {
  constructor() {
    this.rows = [];
    this.list = el('ul', {class: 'list inputs'});
    this.element = el('fieldset', {class: 'field'}, el('legend', {}, 'Inputs'), this.list,
      el('button', {type: 'button', onclick: () => this.add('').focus()}, 'Add input'));
  }

  // In place of those that were declared before; rows that a person added stay.
  declare(inputs) {
    const added = this.rows.filter((row) => !row.declared && row.name());
    this.rows = inputs.map((input) => Object.assign(declaredRow(input), {declared: true}));
    for (const row of added) if (!this.find([row.name()])) this.rows.push(row);
    this.list.replaceChildren(...this.rows.map((row) => row.box));
  }

  add(name) {
    const row = freeRow(name, (gone) => {
      this.rows.splice(this.rows.indexOf(gone), 1);
      gone.box.remove();
    });
    this.rows.push(row);
    this.list.append(row.box);
    return row;
  }

  find(names) {
    return this.rows.find((row) => names.includes(row.name()));
  }

  // The values by name; null, and the focus on the first, where some are wrong.
  values() {
    const found = {};
    let first = null;
    for (const row of this.rows) {
      row.problem(null);
      try {
        const value = row.read();
        if (value === undefined) continue;
        if (Object.hasOwn(found, row.name())) throw new Error('This name is here twice.');
        Object.defineProperty(found, row.name(), {value, enumerable: true});
      } catch (error) {
        row.problem(error.message);
        first ??= row;
      }
    }
    first?.focus();
    return first ? null : found;
  }
}
