/** From a control to code: the cell that does what the control shows. */

import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { exerciseCell, goTo } from './opening';

const CODE = 'data-nncompress-code';
const HOLDER = `[${CODE}]`;
/** The exercise that the code answers, if any. */
const EXERCISE = 'data-nncompress-exercise';
const BUTTON = '.nncompress-insert';
/** The controls show their button only under this class. */
const PRESENT = 'nncompress-plugin';

/** Listen to the buttons of all controls. */
export function watchControls(notebooks: INotebookTracker): void {
  document.body.classList.add(PRESENT);
  document.body.addEventListener('click', event => {
    const target = event.target;
    const button = target instanceof Element ? target.closest(BUTTON) : null;
    const holder = button && holderOf(button);
    if (!holder) {
      return;
    }
    const panel = notebookOf(holder, notebooks);
    if (panel) {
      void insertBelow(panel, holder);
    } else {
      refuse('The notebook of this control is not open.');
    }
  });
}

/** The last control that can be seen in a notebook, or null. */
export function lastControl(panel: NotebookPanel | null): Element | null {
  const holders = panel?.content.node.querySelectorAll<HTMLElement>(HOLDER) ?? [];
  const visible = [...holders].filter(node => node.closest('.jp-OutputArea'));
  return visible.pop() ?? null;
}

/**
 * Put a control's code into a new cell below the control's cell, ready to edit; an
 * answer goes into the cell of its exercise.
 */
export async function insertBelow(
  panel: NotebookPanel,
  holder: Element
): Promise<void> {
  const { content } = panel;
  const source = holder.getAttribute(CODE);
  const below = cellOf(panel, holder);
  if (!source || below < 0 || !content.model) {
    return;
  }
  if (content.model.readOnly) {
    refuse('This notebook is read-only.');
    return;
  }
  const exercise = holder.getAttribute(EXERCISE);
  let place = exercise ? exerciseCell(content, exercise) : -1;
  if (place >= 0) {
    content.widgets[place].model.sharedModel.setSource(source);
  } else {
    place = below + 1;
    content.model.sharedModel.insertCell(place, {
      cell_type: 'code',
      source,
      metadata: { trusted: true }
    });
  }
  await goTo(content, place);
  await content.activeCell?.ready; // before that it has no editor
  content.mode = 'edit';
  content.activeCell?.editor?.focus();
}

/** The notebook that shows a control, also if the click was in a view of its output. */
function notebookOf(
  holder: Element,
  notebooks: INotebookTracker
): NotebookPanel | null {
  const open: NotebookPanel[] = [];
  notebooks.forEach(panel => open.push(panel));
  const around = open.find(panel => panel.content.node.contains(holder));
  return around ?? open.find(panel => cellOf(panel, holder) >= 0) ?? null;
}

/** The cell around a control, or the last one that shows the same code. */
function cellOf(panel: NotebookPanel, holder: Element): number {
  const cells = panel.content.widgets;
  const around = cells.findIndex(cell => cell.node.contains(holder));
  if (around >= 0) {
    return around;
  }
  const code = holder.getAttribute(CODE);
  const same = cells.map(cell =>
    [...cell.node.querySelectorAll(HOLDER)].some(
      one => one.getAttribute(CODE) === code
    )
  );
  return same.lastIndexOf(true);
}

function refuse(reason: string): void {
  Notification.warning(`${reason} Copy the code instead.`, { autoClose: 8000 });
}

/** The nearest code: around the button, or in the smallest thing that holds both. */
function holderOf(button: Element): Element | null {
  const around = button.closest(HOLDER);
  if (around) {
    return around;
  }
  let node = button.parentElement;
  while (node) {
    const inside = node.querySelector(HOLDER);
    if (inside || node.classList.contains('jp-OutputArea')) {
      return inside; // never the code of another cell
    }
    node = node.parentElement;
  }
  return null;
}
