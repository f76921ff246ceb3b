// The questions of a form as controls, and their answers as the daemon takes them.
import {el, field, newId, setProblem, setText} from './dom.js';

// What a question needs: {box, read(), focus(), problem(text)}.
function textQuestion(question) {
  const control = el('textarea', {rows: 2, required: !question.optional});
  const box = field(promptOf(question), control);
  return {
    box,
    read: () => (control.value === '' && question.optional ? null : control.value),
    missing: () => control.value === '' && !question.optional && 'An answer is needed.',
    focus: () => control.focus(),
    problem: (text) => setProblem(box, control, text),
  };
}

function choiceQuestion(question, type) {
  const name = newId('q');
  const problem = el('p', {class: 'error small', id: `${name}-e`, hidden: true});
  const boxes = question.options.map((option) => el('input', {type, name, value: option.value, checked: option.recommended}));
  const others = question.allow_other
    ? el('input', {'aria-label': `Others, with commas between them: ${question.prompt}`, placeholder: 'others, with commas between them'})
    : null;
  const none = type === 'radio' && question.optional ? el('input', {type, name, value: ''}) : null;
  const box = el('fieldset', {class: 'field', 'aria-describedby': problem.id},
    el('legend', {}, promptOf(question)),
    boxes.map((control, at) => el('label', {class: 'choice'}, control, el('span', {}, question.options[at].label,
      question.options[at].recommended && el('span', {class: 'faint'}, ' (recommended)')))),
    none && el('label', {class: 'choice'}, none, el('span', {class: 'faint'}, 'no answer')), others, problem);
  const chosen = () => boxes.filter((control) => control.checked).map((control) => control.value);
  const own = () => (others ? others.value.split(',').map((word) => word.trim()).filter(Boolean) : []);
  const all = () => [...new Set([...chosen(), ...own()])];
  return {
    box,
    read: () => (type === 'radio' ? chosen()[0] ?? null : all()),
    missing: () => !question.optional && all().length === 0 && 'Choose an answer.',
    focus: () => (boxes[0] ?? others)?.focus(),
    problem(text) {
      problem.hidden = !text;
      setText(problem, text ?? '');
      for (const control of boxes) control.toggleAttribute('aria-invalid', Boolean(text));
    },
  };
}

const promptOf = (question) => `${question.prompt}${question.optional ? ' (may be left empty)' : ''}`;

const MAKERS = {
  text: textQuestion,
  select: (question) => choiceQuestion(question, 'radio'),
  multi_select: (question) => choiceQuestion(question, 'checkbox'),
};

export class Form {
  constructor(questions) {
    this.questions = new Map(questions.map((question) => [question.id, (MAKERS[question.kind] ?? textQuestion)(question)]));
    this.boxes = Array.from(this.questions.values(), (question) => question.box);
  }

  // All answers by question id; null, and the focus on the first, where answers are missing.
  answers() {
    let first = null;
    for (const question of this.questions.values()) {
      const missing = question.missing();
      question.problem(missing || null);
      if (missing) first ??= question;
    }
    if (first) {
      first.focus();
      return null;
    }
    return Object.fromEntries(Array.from(this.questions, ([id, question]) => [id, question.read()]));
  }

  // Shows a refusal at the first question it names; false when it names none.
  blame(names, message) {
    const id = names.find((name) => this.questions.has(name));
    if (id === undefined) return false;
    this.questions.get(id).problem(message);
    this.questions.get(id).focus();
    return true;
  }
}
