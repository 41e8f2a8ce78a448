/** The table of a model's layers, sortable by mouse and keyboard. */

import { element } from './dom';
import { bytes, estimate, integer, percent } from './format';
import { histogram } from './histogram';
import { ILayer, IWeight } from './summary';

type Direction = 'ascending' | 'descending';

interface IColumn {
  label: string;
  className: string;
  title?: string;
  cell: (layer: ILayer) => (Node | string)[];
  /** What to sort by; a column without cannot be sorted. */
  key?: (layer: ILayer) => number | string;
}

const COLUMNS: IColumn[] = [
  {
    label: 'Layer',
    className: 'nncl-mod-name',
    key: layer => layer.name.toLowerCase(),
    cell: layer => [
      element('span', 'nncl-Name', breakable(layer.name)),
      element('span', 'nncl-Muted', [layer.class || 'unknown class'])
    ]
  },
  {
    label: 'Weights',
    className: 'nncl-mod-weights',
    cell: layer => [
      element('span', 'nncl-Weights', layer.weights.map(shaped)),
      element('span', 'nncl-Muted', [types(layer)])
    ]
  },
  {
    label: 'Parameters',
    className: 'nncl-mod-number',
    key: layer => layer.parameters,
    cell: layer => [(layer.at_most ? '≤ ' : '') + integer(layer.parameters)]
  },
  {
    label: 'Zeros',
    className: 'nncl-mod-number',
    key: layer => zeros(layer),
    cell: layer => [about(layer, percent(zeros(layer))), meter(zeros(layer))]
  },
  {
    label: 'Distinct',
    className: 'nncl-mod-number',
    title: 'Different values among the kernels',
    key: layer => layer.distinct + (layer.distinct_is_more ? 1 : 0),
    cell: layer => [distinct(layer)]
  },
  {
    label: 'Bytes',
    className: 'nncl-mod-number',
    title: 'Bytes of the weights in memory',
    key: layer => layer.bytes,
    cell: layer => [bytes(layer.bytes)]
  },
  {
    label: 'zlib',
    className: 'nncl-mod-number',
    title: 'Bytes of the weights under zlib',
    key: layer => layer.deflated,
    cell: layer => [estimate(bytes(layer.deflated), layer.deflated_sampled)]
  },
  {
    label: 'Values',
    className: 'nncl-mod-values',
    title: 'How the kernels’ values are spread; packed integers in steps',
    cell: layer => [histogram(layer)]
  }
];

/** The table, in the order of the model until a column is chosen. */
export function layerTable(layers: ILayer[]): HTMLElement {
  if (layers.length === 0) {
    return element('p', 'nncl-Note', ['This model has no weights.']);
  }
  const body = element('tbody', '');
  const rows = new Map(layers.map(layer => [layer, row(layer)]));
  const show = (order: ILayer[]) =>
    body.replaceChildren(...order.map(layer => rows.get(layer)!));
  show(layers);
  const caption = `Layers with weights: ${layers.length}`;
  return element('div', 'nncl-TableFrame', [
    element('table', 'nncl-Table', [
      element('caption', '', [caption]),
      element('thead', '', [header(layers, show)]),
      body
    ])
  ]);
}

function header(
  layers: ILayer[],
  show: (order: ILayer[]) => void
): HTMLTableRowElement {
  const cells = COLUMNS.map(column => {
    const label = column.key
      ? element('button', 'nncl-Sort', [column.label], { type: 'button' })
      : column.label;
    const cell = element('th', column.className, [label], { scope: 'col' });
    if (column.title) {
      cell.title = column.title;
    }
    return cell;
  });
  COLUMNS.forEach((column, place) => {
    const { key } = column;
    if (!key) {
      return;
    }
    const cell = cells[place];
    cell.setAttribute('aria-sort', 'none');
    cell.querySelector('button')!.addEventListener('click', () => {
      const next = following(cell.getAttribute('aria-sort'), key(layers[0]));
      for (const other of cells.filter(one => one.hasAttribute('aria-sort'))) {
        other.setAttribute('aria-sort', 'none');
      }
      cell.setAttribute('aria-sort', next ?? 'none');
      show(next ? sorted(layers, key, next) : layers);
    });
  });
  return element('tr', '', cells);
}

/** Numbers start with the largest, names with A; the third click restores the order. */
function following(
  current: string | null,
  sample: number | string
): Direction | null {
  const first = typeof sample === 'number' ? 'descending' : 'ascending';
  const second = first === 'ascending' ? 'descending' : 'ascending';
  return current === first ? second : current === second ? null : first;
}

function sorted(
  layers: ILayer[],
  key: (layer: ILayer) => number | string,
  direction: Direction
): ILayer[] {
  const sign = direction === 'ascending' ? 1 : -1;
  return [...layers].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    return left === right ? 0 : left < right ? -sign : sign;
  });
}

function row(layer: ILayer): HTMLTableRowElement {
  const [first, ...rest] = COLUMNS;
  return element('tr', '', [
    element('th', first.className, first.cell(layer), { scope: 'row' }),
    ...rest.map(column => element('td', column.className, column.cell(layer)))
  ]);
}

/** A path that a narrow column breaks at its slashes. */
function breakable(path: string): (Node | string)[] {
  const [first, ...rest] = path.split('/');
  return [first, ...rest.flatMap(name => ['/', element('wbr', ''), name])];
}

function shaped(weight: IWeight): HTMLElement {
  const shape = weight.shape.join('×') || 'scalar';
  return element('span', '', [`${weight.name} ${shape}`]);
}

function types(layer: ILayer): string {
  return [...new Set(layer.weights.map(weight => weight.dtype))].join(', ');
}

function zeros(layer: ILayer): number {
  return layer.parameters ? layer.zeros / layer.parameters : 0;
}

function about(layer: ILayer, figure: string): string {
  return estimate(figure, layer.sampled);
}

function distinct(layer: ILayer): string {
  const more = layer.distinct_is_more ? '> ' : layer.sampled ? '≥ ' : '';
  return more + integer(layer.distinct);
}

function meter(fraction: number): HTMLElement {
  const filled = element('span', 'nncl-Meter-filled');
  filled.style.width = `${100 * fraction}%`;
  return element('span', 'nncl-Meter', [filled], { 'aria-hidden': 'true' });
}
