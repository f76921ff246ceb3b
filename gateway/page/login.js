// Asks for the token.
import {get, setToken} from './api.js';
import {el, field, fill, setProblem} from './dom.js';

// Resolves when a token was accepted.
export function login(main) {
  return new Promise((done) => {
    const token = el('input', {type: 'password', autocomplete: 'off', spellcheck: 'false', required: true});
    const box = field('Token', token, {help: 'The one in the file that the gateway was given. It is kept until this tab is closed.'});
    const button = el('button', {class: 'first'}, 'Log in');
    const form = el('form', {class: 'card', novalidate: true, onsubmit: async (event) => {
      event.preventDefault();
      const given = token.value.trim();
      if (!given) {
        setProblem(box, token, 'Give the token.');
        return token.focus();
      }
      button.disabled = true;
      setToken(given);
      try {
        await get('/api/workers');
        done();
      } catch (error) {
        setToken('');
        setProblem(box, token, error.status === 401 ? 'This is not the token.' : error.message);
        token.focus();
      }
      button.disabled = false;
    }}, el('h1', {}, 'Log in'), box, button);
    fill(main, form);
    document.title = 'Log in · Charter';
    token.focus();
  });
}
