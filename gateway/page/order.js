// Orders to daemons: posted once, and followed until it is known what became of them.
import {ApiError, get, path, post} from './api.js';

const PATIENCE = 15; // seconds

function newCommandId() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return 'page-' + Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const pause = (time) => new Promise((done) => { setTimeout(done, time); });

// With the same id an order that is posted again is the same order.
async function postOnce(where, body) {
  for (let left = 3; ; --left) {
    try {
      return await post(where, body);
    } catch (error) {
      if (error.code !== 'unreachable' || left === 0) throw error;
      await pause(700);
    }
  }
}

// Gives the command as far as it got within PATIENCE; a daemon's refusal is an ApiError.
export async function order(where, body) {
  const {command_id} = await postOnce(where, {...body, command_id: newCommandId()});
  const command = await get(path(['api', 'commands', command_id], {wait: PATIENCE}));
  if (command.state === 'failed') {
    throw new ApiError(0, command.code ?? 'failed', command.message ?? 'the daemon refused it');
  }
  return command;
}

// What to tell of a command that was not refused.
export function progress(command) {
  if (command.state === 'pending') return 'It is kept until its daemon is connected.';
  if (command.state === 'sent') return 'It was sent; the daemon has not answered yet.';
  // A daemon that speaks JSON tells no more of some orders; another one is slow to answer.
  if (command.state === 'delivered') return 'It has reached its daemon.';
  return 'Done.';
}

// The names that a refusal quotes: 'version' in "requires input 'version'".
export const quotedNames = (message) => Array.from(message.matchAll(/'([^'\s]+)'/g), (found) => found[1]);
