// Times and durations as people read them.

const TIME = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false});
const DAY = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'medium', hour12: false});
const AGO = new Intl.RelativeTimeFormat('en', {numeric: 'auto', style: 'short'});

export const ms = (text) => (text ? Date.parse(text) : NaN);
export const clock = (text) => (text ? TIME.format(new Date(text)) : '');
export const moment = (text) => (text ? DAY.format(new Date(text)) : 'unknown');

export function ago(text, now = Date.now()) {
  const seconds = Math.round((ms(text) - now) / 1000);
  if (Number.isNaN(seconds)) return '';
  const size = Math.abs(seconds);
  if (size < 60) return AGO.format(seconds, 'second');
  if (size < 3600) return AGO.format(Math.round(seconds / 60), 'minute');
  if (size < 86400) return AGO.format(Math.round(seconds / 3600), 'hour');
  return AGO.format(Math.round(seconds / 86400), 'day');
}

export function duration(milliseconds) {
  const value = Math.max(0, Math.round(milliseconds));
  if (value < 1000) return `${value} ms`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  const seconds = Math.round(value / 1000);
  const two = (number) => String(number).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)} min`;
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)} h`;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

export const plural = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`;
