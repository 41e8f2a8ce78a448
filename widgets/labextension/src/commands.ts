/** What can be called from the launcher, the palette and the panel. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import { icon } from './icon';
import { insertBelow, lastControl } from './insert';
import { FIRST_LESSON, ILesson } from './lessons';
import { openLesson, startOver } from './opening';

export const CATEGORY = 'Model compression';

export const CommandIDs = {
  openCourse: 'nncompress-lab:open-course',
  openLesson: 'nncompress-lab:open-lesson',
  startOver: 'nncompress-lab:start-over',
  showCourse: 'nncompress-lab:show-course',
  insertCode: 'nncompress-lab:insert-code'
};

/** Add the commands around the course. */
export function addCourseCommands(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker | null,
  panel: string
): void {
  const { commands, shell } = app;
  const id = { type: 'string', description: 'Such as "02"' };
  const exercise = { type: 'string', description: 'Go to its cell' };
  commands.addCommand(CommandIDs.openCourse, {
    label: 'Compression course',
    caption: 'Start or continue the course on neural network compression',
    icon,
    execute: () => openLesson(app, FIRST_LESSON),
    ...describedBy({})
  });
  commands.addCommand(CommandIDs.openLesson, {
    label: args =>
      args.title ? `Open lesson ${args.id}: ${args.title}` : 'Open a lesson',
    caption: 'Copy a lesson to your folder, unless it is there, and open it',
    execute: args =>
      openLesson(app, String(args.id ?? FIRST_LESSON), String(args.exercise ?? '')),
    ...describedBy({ id, exercise })
  });
  commands.addCommand(CommandIDs.startOver, {
    label: args => `Start lesson ${args.id ?? FIRST_LESSON} over`,
    caption: 'Put a fresh copy in the place of yours, which is kept',
    execute: args => startOver(app, notebooks, String(args.id ?? FIRST_LESSON)),
    ...describedBy({ id })
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

function describedBy(properties: Record<string, Record<string, string>>) {
  return { describedBy: { args: { type: 'object', properties } } };
}
