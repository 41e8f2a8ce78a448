/** What can be called from the launcher, the palette and the panel. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import { icon } from './icon';
import { insertBelow, lastControl } from './insert';
import { FIRST_LESSON, ILesson, openedLesson } from './lessons';

export const CATEGORY = 'Model compression';

export const CommandIDs = {
  openCourse: 'nncompress-lab:open-course',
  openLesson: 'nncompress-lab:open-lesson',
  showCourse: 'nncompress-lab:show-course',
  insertCode: 'nncompress-lab:insert-code'
};

/** Add the commands around the course. */
export function addCourseCommands(app: JupyterFrontEnd, panel: string): void {
  const { commands, shell } = app;
  const open = (id: string) => openLesson(app, id);
  commands.addCommand(CommandIDs.openCourse, {
    label: 'Compression course',
    caption: 'Start or continue the course on neural network compression',
    icon,
    execute: () => open(FIRST_LESSON),
    ...describedBy({})
  });
  commands.addCommand(CommandIDs.openLesson, {
    label: args =>
      args.title ? `Open lesson ${args.id}: ${args.title}` : 'Open a lesson',
    caption: 'Copy a lesson to your folder, unless it is there, and open it',
    execute: args => open(String(args.id ?? FIRST_LESSON)),
    ...describedBy({ id: { type: 'string', description: 'Such as "02"' } })
  });
  commands.addCommand(CommandIDs.showCourse, {
    label: 'Show the course and its progress',
    execute: () => shell.activateById(panel),
    ...describedBy({})
  });
}

/** Add the command that turns a control into code. */
export function addInsertCommand(
  commands: CommandRegistry,
  notebooks: INotebookTracker
): void {
  commands.addCommand(CommandIDs.insertCode, {
    label: 'Insert the code of the control below',
    caption: 'A new cell that does what the last control of the notebook shows',
    isEnabled: () => lastControl(notebooks.currentWidget) !== null,
    execute: async () => {
      const panel = notebooks.currentWidget;
      const holder = lastControl(panel);
      if (panel && holder) {
        await insertBelow(panel, holder);
      }
    },
    ...describedBy({})
  });
}

/** Offer the commands in the palette. */
export function fillPalette(palette: ICommandPalette, commands: string[]): void {
  for (const command of commands) {
    palette.addItem({ command, category: CATEGORY });
  }
}

/** Offer every lesson in the palette. */
export function addLessons(palette: ICommandPalette, lessons: ILesson[]): void {
  lessons.forEach(({ id, title }, place) => {
    palette.addItem({
      command: CommandIDs.openLesson,
      category: CATEGORY,
      args: { id, title },
      rank: 100 + place
    });
  });
}

async function openLesson(app: JupyterFrontEnd, id: string): Promise<unknown> {
  try {
    const path = await openedLesson(id, app.serviceManager.serverSettings);
    return await app.commands.execute('docmanager:open', { path });
  } catch (error) {
    return showErrorMessage('The lesson cannot be opened', error as Error);
  }
}

function describedBy(properties: Record<string, Record<string, string>>) {
  return { describedBy: { args: { type: 'object', properties } } };
}
