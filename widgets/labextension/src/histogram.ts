import { drawing } from './dom';
import { value } from './format';
import { ILayer } from './summary';

const BAR = 5;
const GAP = 1;
const HEIGHT = 28;

/** How the values of a layer's kernels are spread, as a small picture with words. */
export function histogram(layer: ILayer): Element | string {
  const { histogram: counts, low, high } = layer;
  if (counts.length === 0 || low === null || high === null) {
    return '–';
  }
  const words = described(counts, low, high);
  const width = counts.length * BAR;
  return drawing(
    'svg',
    {
      class: 'nncl-Histogram',
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width: String(width),
      height: String(HEIGHT),
      role: 'img',
      'aria-label': words
    },
    [
      drawing('title', {}, [words]),
      drawing('path', { class: 'nncl-Histogram-bars', d: bars(counts) }),
      zeroLine(low, high, width)
    ]
  );
}

/** One path for all bars; square roots, or a peak at zero would hide the rest. */
function bars(counts: number[]): string {
  const largest = Math.sqrt(Math.max(...counts));
  return counts
    .map((count, place) => {
      const height = count ? Math.max(1, (Math.sqrt(count) / largest) * HEIGHT) : 0;
      const x = place * BAR;
      return height
        ? `M${x} ${HEIGHT}v${-height.toFixed(2)}h${BAR - GAP}V${HEIGHT}z`
        : '';
    })
    .join('');
}

function zeroLine(low: number, high: number, width: number): Element | null {
  if (low >= 0 || high <= 0) {
    return null;
  }
  const x = ((-low / (high - low)) * width).toFixed(1);
  return drawing('path', { class: 'nncl-Histogram-zero', d: `M${x} 0V${HEIGHT}` });
}

function described(counts: number[], low: number, high: number): string {
  if (low === high) {
    return `All values are ${value(low)}.`;
  }
  const most = counts.indexOf(Math.max(...counts));
  const step = (high - low) / counts.length;
  const from = value(low + most * step);
  const to = value(low + (most + 1) * step);
  return (
    `Values from ${value(low)} to ${value(high)}, most of them between ${from} and ` +
    `${to}. Heights are square roots of counts.`
  );
}
