/** The upper part of a model's tab: key figures, where the bytes are, remarks. */

import { element } from './dom';
import { bytes, counted, estimate, integer, percent } from './format';
import { ISummary, ITotals } from './summary';

const PARTS: [keyof ITotals['parts'], string][] = [
  ['weights', 'Weights'],
  ['optimizer', 'Optimizer state'],
  ['config', 'Configuration'],
  ['other', 'Everything else']
];
const WORTH_A_NOTE = 0.01;

/** One line about the model, for example "Sequential lenet5 · Keras 3.15.1". */
export function subtitle(model: ISummary['model']): string {
  const named =
    model.name && model.name !== model.class
      ? `${model.class} “${model.name}”`
      : model.class;
  return [
    named,
    model.made_by,
    model.saved && `saved ${model.saved.replace('@', ' at ')}`
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The tiles with the model's key figures. */
export function keyFigures(totals: ITotals): HTMLElement {
  const about = (figure: string) => estimate(figure, totals.sampled);
  const zeros = totals.parameters ? totals.zeros / totals.parameters : 0;
  return element('dl', 'nncl-Figures', [
    tile('Parameters', integer(totals.parameters), 'numbers in the layers'),
    tile(
      'Zeros',
      about(percent(zeros)),
      `${about(integer(totals.zeros))} of them`
    ),
    tile('File size', bytes(totals.file_bytes), 'on disk'),
    tile('Weights', bytes(totals.weight_bytes), 'in memory'),
    tile(
      'Weights under zlib',
      estimate(bytes(totals.deflated_bytes), totals.deflated_sampled),
      totals.weight_bytes
        ? `${percent(totals.deflated_bytes / totals.weight_bytes)} of the weights`
        : 'nothing to compress'
    )
  ]);
}

function tile(label: string, figure: string, remark: string): HTMLElement {
  return element('div', 'nncl-Figure', [
    element('dt', '', [label]),
    element('dd', 'nncl-Figure-value', [figure]),
    element('dd', 'nncl-Figure-remark', [remark])
  ]);
}

/** A bar of the file's parts with its legend. */
export function bytesBar(totals: ITotals): HTMLElement {
  const present = PARTS.filter(([part]) => totals.parts[part] > 0);
  const fraction = (part: keyof ITotals['parts']) =>
    totals.parts[part] / Math.max(1, totals.file_bytes);
  const segments = present.map(([part]) => {
    const segment = element('div', `nncl-Part nncl-mod-${part}`);
    segment.style.flexGrow = String(fraction(part));
    return segment;
  });
  const legend = present.map(([part, label]) =>
    element('li', '', [
      element('span', `nncl-Swatch nncl-mod-${part}`),
      element('span', '', [label]),
      element('span', 'nncl-Legend-value', [
        `${bytes(totals.parts[part])} · ${percent(fraction(part))}`
      ])
    ])
  );
  return element('section', 'nncl-Bytes', [
    element('h2', '', ['Where the bytes are']),
    element('div', 'nncl-Bar', segments, { 'aria-hidden': 'true' }),
    element('ul', 'nncl-Legend', legend)
  ]);
}

/** Remarks that this file calls for. */
export function notes(summary: ISummary): HTMLElement[] {
  const { totals, layers } = summary;
  const broken = layers.reduce((sum, layer) => sum + layer.not_finite, 0);
  const found: (string | false)[] = [
    totals.zeros > WORTH_A_NOTE * totals.parameters &&
      totals.weights_are_stored &&
      'Zeros are stored like other numbers: this file is as large as without them.',
    totals.parts.optimizer > 0 &&
      `The optimizer’s state takes ${bytes(totals.parts.optimizer)}. A copy saved ` +
        'from an uncompiled model (load it with compile=False) is that much smaller.',
    layers.some(layer => layer.sampled || layer.deflated_sampled) &&
      '≈ marks estimates: of large arrays only an even sample was read.',
    totals.weights_elsewhere === true &&
      'Numbers of this model lie in another file beside it, which is not read: the ' +
        'figures are those of this file alone.',
    layers.some(layer => layer.at_most) &&
      '≤ marks counts from packed bytes, which may hold a few unused places.',
    totals.layers_left_out &&
      `Only the first ${integer(layers.length)} layers are listed and counted.`
  ];
  const remarks = found
    .filter((text): text is string => text !== false)
    .map(text => element('p', 'nncl-Note', [text]));
  return broken > 0 ? [warning(broken), ...remarks] : remarks;
}

function warning(broken: number): HTMLElement {
  return element('p', 'nncl-Note nncl-mod-warning', [
    element('strong', '', ['Warning: ']),
    `among the kernels, ${counted(broken, 'value')} ${broken === 1 ? 'is' : 'are'} ` +
      'infinite or not a number. The model cannot predict with them.'
  ]);
}
