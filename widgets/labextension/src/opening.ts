/** Opening a lesson, going to one of its exercises, and starting it over. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { INotebookTracker, Notebook, NotebookPanel } from '@jupyterlab/notebook';
import { freshLesson, openedLesson } from './lessons';

/** Open a lesson, and go to an exercise if one is named. */
export async function openLesson(
  app: JupyterFrontEnd,
  id: string,
  exercise = ''
): Promise<unknown> {
  try {
    const path = await openedLesson(id, app.serviceManager.serverSettings);
    const widget = await app.commands.execute('docmanager:open', { path });
    if (exercise && widget instanceof NotebookPanel) {
      await widget.revealed;
      await goTo(widget.content, exerciseCell(widget.content, exercise));
    }
    return widget;
  } catch (error) {
    return showErrorMessage('The lesson cannot be opened', error as Error);
  }
}

/** Ask, and put a fresh copy in the place of the learner's, with a fresh kernel. */
export async function startOver(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker | null,
  id: string
): Promise<void> {
  const { button } = await showDialog({
    title: `Start lesson ${id} over?`,
    body:
      'A fresh copy of the lesson takes the place of yours, and its kernel is shut ' +
      'down. Your copy is kept beside it with a number in its name; your points stay.',
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Start over' })]
  });
  if (!button.accept) {
    return;
  }
  const { serverSettings, sessions } = app.serviceManager;
  try {
    const path = await openedLesson(id, serverSettings);
    const panel = notebooks?.find(one => one.context.path === path);
    if (panel) {
      await panel.context.save();
      await panel.sessionContext.shutdown();
      panel.dispose();
    } else {
      const session = await sessions.findByPath(path);
      await (session && sessions.shutdown(session.id));
    }
    const fresh = await freshLesson(id, serverSettings);
    await app.commands.execute('docmanager:open', { path: fresh });
  } catch (error) {
    await showErrorMessage('The lesson cannot be started over', error as Error);
  }
}

/** The place of the cell of an exercise; -1 if the notebook has none. */
export function exerciseCell(notebook: Notebook, exercise: string): number {
  return notebook.widgets.findIndex(({ model }) => {
    const tags = model.getMetadata('tags');
    return Array.isArray(tags) && tags.includes(`exercise:${exercise}`);
  });
}

/** Make a cell the active one and bring it into view. */
export async function goTo(notebook: Notebook, place: number): Promise<void> {
  if (place >= 0) {
    notebook.deselectAll();
    notebook.activeCellIndex = place;
    await notebook.scrollToItem(place, 'smart');
  }
}
