/** From a control to code: the cell that does what the control shows. */

import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

const HOLDER = '[data-nncompress-code]';
const BUTTON = '.nncompress-insert';
/** The controls show their button only under this class. */
const PRESENT = 'nncompress-plugin';

/** Listen to the buttons of all controls. */
export function watchControls(notebooks: INotebookTracker): void {
  document.body.classList.add(PRESENT);
  document.body.addEventListener('click', event => {
    const target = event.target;
    const button = target instanceof Element ? target.closest(BUTTON) : null;
    const panel =
      button && notebooks.find(one => one.content.node.contains(button));
    const holder = button && panel && holderOf(button, panel.content.node);
    if (panel && holder) {
      void insertBelow(panel, holder);
    }
  });
}

/** The last control that can be seen in a notebook, or null. */
export function lastControl(panel: NotebookPanel | null): Element | null {
  const holders = panel?.content.node.querySelectorAll<HTMLElement>(HOLDER) ?? [];
  const visible = [...holders].filter(node => node.closest('.jp-OutputArea'));
  return visible.pop() ?? null;
}

/** Put a control's code into a new cell below the control's cell, ready to edit. */
export async function insertBelow(
  panel: NotebookPanel,
  holder: Element
): Promise<void> {
  const { content } = panel;
  const source = holder.getAttribute('data-nncompress-code');
  const place = content.widgets.findIndex(cell => cell.node.contains(holder));
  if (!source || place < 0 || !content.model || content.model.readOnly) {
    return;
  }
  content.model.sharedModel.insertCell(place + 1, {
    cell_type: 'code',
    source,
    metadata: { trusted: true }
  });
  content.deselectAll();
  content.activeCellIndex = place + 1;
  await content.scrollToItem(place + 1, 'smart');
  await content.activeCell?.ready; // before that it has no editor
  content.mode = 'edit';
  content.activeCell?.editor?.focus();
}

/** The nearest code: around the button, or in the smallest thing that holds both. */
function holderOf(button: Element, limit: Element): Element | null {
  const around = button.closest(HOLDER);
  if (around) {
    return around;
  }
  let node = button.parentElement;
  while (node && node !== limit) {
    const inside = node.querySelector(HOLDER);
    if (inside) {
      return inside;
    }
    if (node.classList.contains('jp-OutputArea')) {
      return null; // never the code of another cell
    }
    node = node.parentElement;
  }
  return null;
}
