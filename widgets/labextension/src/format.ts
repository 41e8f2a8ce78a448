/** Numbers as people read them. */

const PREFIXES = ['B', 'kB', 'MB', 'GB', 'TB'];

/** 61706 as "61,706". */
export function integer(value: number): string {
  return value.toLocaleString('en');
}

/** Bytes with a metric prefix (1 kB = 1000 bytes), for example "1.73 MB". */
export function bytes(value: number): string {
  let scaled = value;
  let place = 0;
  while (scaled >= 999.5 && place < PREFIXES.length - 1) {
    scaled /= 1000;
    place += 1;
  }
  return `${place === 0 ? scaled : scaled.toPrecision(3)} ${PREFIXES[place]}`;
}

/** A fraction in percent; never "0.0 %" or "100.0 %" for what is not exactly that. */
export function percent(fraction: number): string {
  const value = 100 * fraction;
  if (value === 0 || value === 100) {
    return `${value}\u00a0%`;
  }
  if (value < 0.1) {
    return '<0.1\u00a0%';
  }
  return value > 99.9 ? '>99.9\u00a0%' : `${value.toFixed(1)}\u00a0%`;
}

/** A weight's value, short: "0.0412". */
export function value(number: number): string {
  return String(Number(number.toPrecision(3)));
}

/** Numbers and their noun: "1 check", "3 checks". */
export function counted(count: number, noun: string): string {
  return `${integer(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Marks a figure as an estimate, unless it is a bound anyway. */
export function estimate(figure: string, isEstimate: boolean): string {
  return isEstimate && !/^[<>]/.test(figure) ? `≈ ${figure}` : figure;
}
