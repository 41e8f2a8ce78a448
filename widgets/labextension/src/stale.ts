/** Controls whose kernel is gone: their stored picture, and how to bring them back. */

import type { CodeCell } from '@jupyterlab/cells';
import {
  INotebookTracker,
  Notebook,
  NotebookActions,
  NotebookPanel
} from '@jupyterlab/notebook';
import { element } from './dom';

const MIME = 'application/vnd.jupyter.widget-view+json';
const VIEW = '.jp-OutputArea-output';
/** What ipywidgets writes in the place of a control that no kernel knows. */
const LOST = 'Error displaying widget: model not found';

/** Watch all notebooks for controls that no kernel knows. */
export function watchStale(notebooks: INotebookTracker): void {
  notebooks.widgetAdded.connect((_, panel) => {
    const observer = new MutationObserver(records => {
      for (const node of records.flatMap(lost)) {
        restore(panel, node);
      }
    });
    observer.observe(panel.content.node, { childList: true, subtree: true });
    panel.disposed.connect(() => observer.disconnect());
  });
}

/** Views among what has changed that say that they are lost. */
function lost(record: MutationRecord): Element[] {
  const changed = [record.target, ...record.addedNodes];
  const elements = changed.filter((node): node is Element => node instanceof Element);
  return elements
    .flatMap(node => [node, ...node.querySelectorAll(VIEW)])
    .filter(node => node.matches(VIEW) && node.textContent === LOST);
}

function restore(panel: NotebookPanel, node: Element): void {
  const found = panel.content.widgets.find(one => one.node.contains(node));
  if (found?.model.type !== 'code') {
    return;
  }
  const cell = found as CodeCell;
  const { model, widgets } = cell.outputArea;
  const place = widgets.findIndex(one => one.node.contains(node));
  const data = place < 0 ? {} : model.get(place).data;
  if (!(MIME in data)) {
    return; // somebody printed the same words
  }
  const sentence = String(data['text/plain'] ?? 'A control.');
  const picture = data['image/png'];
  node.replaceChildren(
    element('div', 'nncl-Stale', [
      typeof picture === 'string'
        ? element('img', '', [], {
            src: `data:image/png;base64,${picture}`,
            alt: sentence
          })
        : element('p', '', [sentence]),
      element('p', 'nncl-Stale-reason', [
        'The kernel that this control belonged to is gone.'
      ]),
      button('Run this cell', () => run(panel, cell, false)),
      button('Run all cells up to here', () => run(panel, cell, true))
    ])
  );
}

async function run(
  panel: NotebookPanel,
  cell: CodeCell,
  above: boolean
): Promise<void> {
  const { content, sessionContext } = panel;
  const place = content.widgets.indexOf(cell);
  const cells: Notebook['widgets'] = content.widgets.slice(above ? 0 : place, place + 1);
  await NotebookActions.runCells(content, cells, sessionContext);
}

function button(label: string, act: () => Promise<void>): HTMLElement {
  const made = element('button', 'nncl-Open', [label], { type: 'button' });
  made.addEventListener('click', () => void act());
  return made;
}
