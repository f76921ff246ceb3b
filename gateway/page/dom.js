// Making elements. Whatever others wrote comes in as text, never as markup.

// el('button', {class: 'first', onclick: f}, 'Approve'): a property that begins with "on" is a
// listener, null and false leave an attribute out, and children are elements or texts.
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else {
      element.setAttribute(key, value === true ? '' : value);
    }
  }
  add(element, children);
  return element;
}

export function add(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) parent.append(child);
  }
}

export function fill(parent, ...children) {
  parent.replaceChildren();
  add(parent, children);
}

// Changes a text only where it differs, so that nothing is announced or laid out anew.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;
export const newId = (stem) => `${stem}-${++ids}`;

// A labelled control with a place for what is wrong with it. `control` gets its id here.
export function field(label, control, {help = null, classes = ''} = {}) {
  const id = newId('f');
  control.id = id;
  const problem = el('p', {class: 'error small', id: `${id}-e`, hidden: true});
  const described = [`${id}-e`];
  const parts = [el('label', {for: id}, label)];
  if (help) {
    parts.push(el('span', {class: 'faint small', id: `${id}-h`}, help));
    described.unshift(`${id}-h`);
  }
  control.setAttribute('aria-describedby', described.join(' '));
  return el('div', {class: `field ${classes}`}, parts, control, problem);
}

// Shows what is wrong with a field made above, or that nothing is.
export function setProblem(box, control, text) {
  const problem = box.querySelector(':scope > .error');
  problem.hidden = !text;
  setText(problem, text ?? '');
  if (text) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
}

// For people who do not see the page. What was said last stays beside it for a while, since a text that
// is replaced at once is not read out.
const SAID = 5;
export function say(text) {
  const said = document.getElementById('said');
  if (said.lastElementChild?.textContent === text) said.lastElementChild.remove();
  said.append(el('p', {}, text));
  while (said.children.length > SAID) said.firstElementChild.remove();
}
