// Which view is shown, the login, and the one stream that all views hear.
import {get, setToken, signals} from './api.js';
import {say, setText} from './dom.js';
import {login} from './login.js';
import {RunView} from './run_view.js';
import {RunsView} from './runs_view.js';
import {Follower} from './sse.js';
import {StartView} from './start_view.js';
import {WorkersView} from './workers_view.js';

const main = document.getElementById('main');
const link = document.getElementById('link');
let view = null;
let follower = null;
let asking = false;

// As it stands where it is not encoded as it should be: addresses are pasted and cut off.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// A token that came in the address leaves it at once.
function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  setToken(decoded(found[1]));
  history.replaceState(null, '', '#/runs');
}

function showLink(state) {
  if (link.dataset.state === state) return;
  const back = link.dataset.state === 'lost';
  link.dataset.state = state;
  setText(link, state === 'lost' ? 'Disconnected, trying again…' : 'Connected');
  if (state === 'open' && back) say('Connected again.');
}

function route() {
  const [where, query = ''] = location.hash.slice(1).split('?');
  const parameters = new URLSearchParams(query);
  const [, name = 'runs', part = ''] = where.split('/');
  const id = decoded(part);
  view?.stop();
  scrollTo(0, 0);
  if (name === 'runs' && id) view = new RunView(main, parameters, id);
  else if (name === 'workers') view = new WorkersView(main);
  else if (name === 'start') view = new StartView(main, parameters);
  else view = new RunsView(main, parameters);
  document.title = `${id || view.title} · Charter`;
  for (const anchor of document.querySelectorAll('nav a')) {
    if (anchor.dataset.view === name) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
}

function follow() {
  follower?.stop();
  follower = new Follower('/api/runs', {
    onItem: (item) => view?.changed(item),
    onState: showLink,
  });
}

async function askForToken() {
  if (asking) return;
  asking = true;
  follower?.stop();
  view?.stop();
  view = null;
  await login(main);
  asking = false;
  follow();
  route();
  main.focus();
}

signals.addEventListener('login', askForToken);
signals.addEventListener('unreachable', () => showLink('lost'));
signals.addEventListener('reachable', () => {
  if (link.dataset.state === 'lost') follower?.retry();
});
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) {
    takeToken();
    return location.reload();
  }
  if (asking) return;
  route();
  main.focus({preventScroll: true});
});
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

takeToken();
try {
  await get('/api/workers');
  follow();
  route();
} catch (error) {
  if (error.status !== 401) {
    follow();
    route();
  }
}
