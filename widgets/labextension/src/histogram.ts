import { drawing } from './dom';
import { value } from './format';
import { IHistogram, ILayer } from './summary';

const WIDTH = 96;
const HEIGHT = 28;
const GAP = 1;

/** How the values of a layer's kernels are spread, as a small picture with words. */
export function histogram(layer: ILayer): Element | string {
  if (layer.histogram === null) {
    return '–';
  }
  const words = described(layer.histogram);
  return drawing(
    'svg',
    {
      class: 'nncl-Histogram',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: String(WIDTH),
      height: String(HEIGHT),
      role: 'img',
      'aria-label': words
    },
    [
      drawing('title', {}, [words]),
      drawing('path', {
        class: 'nncl-Histogram-bars',
        d: bars(layer.histogram.counts)
      }),
      zeroLine(layer.histogram.edges)
    ]
  );
}

/** One path for all bars; square roots, or a peak at zero would hide the rest. */
function bars(counts: number[]): string {
  const largest = Math.sqrt(Math.max(...counts));
  const step = WIDTH / counts.length;
  return counts
    .map((count, place) => {
      const height = Math.max(1, (Math.sqrt(count) / largest) * HEIGHT);
      const x = (place * step).toFixed(2);
      const across = (step - GAP).toFixed(2);
      return count
        ? `M${x} ${HEIGHT}v${-height.toFixed(2)}h${across}V${HEIGHT}z`
        : '';
    })
    .join('');
}

function zeroLine([from, to]: [number, number]): Element | null {
  if (from >= 0 || to <= 0) {
    return null;
  }
  const x = ((-from / (to - from)) * WIDTH).toFixed(1);
  return drawing('path', { class: 'nncl-Histogram-zero', d: `M${x} 0V${HEIGHT}` });
}

function described({ counts, edges, low, high }: IHistogram): string {
  if (low === high) {
    return `All values are ${value(low)}.`;
  }
  const most = counts.indexOf(Math.max(...counts));
  const step = (edges[1] - edges[0]) / counts.length;
  const from = value(edges[0] + most * step);
  const to = value(edges[0] + (most + 1) * step);
  return (
    `Values from ${value(low)} to ${value(high)}, most of them between ${from} and ` +
    `${to}. Heights are square roots of counts.`
  );
}
