// Requests to the gateway. The token lives as long as the tab and travels in a header only.

const KEY = 'charter-token';
let token = sessionStorage.getItem(KEY) ?? '';

// 'login' when a token is needed, 'reachable' and 'unreachable' as requests tell.
export const signals = new EventTarget();
const tell = (name) => signals.dispatchEvent(new Event(name));

export class ApiError extends Error {
  constructor(status, code, message, field = '') {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

// What no gateway's token can be, and no header could carry, is none.
export function setToken(value) {
  token = /^[!-~]+$/.test(value) ? value : '';
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

export function headers(more = {}) {
  return token ? {Authorization: `Bearer ${token}`, ...more} : more;
}

// The refusal in an answer that is none of 2xx.
export async function refusal(response) {
  if (response.status === 401) tell('login');
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // Not the gateway's own answer, perhaps a proxy's.
  }
  return new ApiError(response.status, error.code ?? 'refused',
    error.message ?? `the answer was ${response.status}`, error.field ?? '');
}

async function call(method, path, body) {
  const options = {method, headers: headers(), cache: 'no-store', credentials: 'omit'};
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = headers({'Content-Type': 'application/json'});
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    tell('unreachable');
    throw new ApiError(0, 'unreachable', 'the gateway does not answer');
  }
  tell('reachable');
  if (!response.ok) throw await refusal(response);
  return response.json();
}

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);

// "/api/runs/ID/events?worker=W": segments are escaped, empty parameters left out.
export function path(segments, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== '' && value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return '/' + segments.map(encodeURIComponent).join('/') + (text ? `?${text}` : '');
}
