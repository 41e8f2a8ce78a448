/** The JupyterLab plugins. Every service is optional: what is missing is left out. */

import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IDocumentWidget } from '@jupyterlab/docregistry';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { ContentsManager } from '@jupyterlab/services';
import {
  addCourseCommands,
  addInsertCommand,
  addLessons,
  CATEGORY,
  CommandIDs,
  fillPalette
} from './commands';
import { icon } from './icon';
import { watchControls } from './insert';
import { fetchCourse } from './lessons';
import { CoursePanel } from './panel';
import { PROVIDER, SummaryProvider } from './provider';
import { watchStale } from './stale';
import { ModelView, ModelViewFactory } from './viewer';

const FACTORY = 'Model';
const FILE_TYPES = [
  ['keras-model', 'Keras model', '.keras'],
  ['packed-model', 'Packed model', '.ncz'],
  ['onnx-model', 'ONNX model', '.onnx'],
  ['litert-model', 'LiteRT model', '.tflite']
];

const viewer: JupyterFrontEndPlugin<void> = {
  id: 'nncompress-lab:viewer',
  description: 'Shows what a model file holds.',
  autoStart: true,
  optional: [ILayoutRestorer],
  activate: (app: JupyterFrontEnd, restorer: ILayoutRestorer | null) => {
    const contents = app.serviceManager.contents as ContentsManager;
    const providers = contents.defaultDrive?.contentProviderRegistry;
    if (!providers) {
      return; // without one, opening a model would download it
    }
    providers.register(
      PROVIDER,
      new SummaryProvider(app.serviceManager.serverSettings)
    );
    for (const [name, displayName, suffix] of FILE_TYPES) {
      app.docRegistry.addFileType({
        name,
        displayName,
        extensions: [suffix],
        mimeTypes: [`application/x-${name}`],
        contentType: 'file',
        fileFormat: 'base64',
        icon
      });
    }
    const fileTypes = FILE_TYPES.map(([name]) => name);
    const factory = new ModelViewFactory({
      name: FACTORY,
      fileTypes,
      defaultFor: fileTypes,
      modelName: 'text',
      contentProviderId: PROVIDER,
      readOnly: true
    });
    app.docRegistry.addWidgetFactory(factory);
    track(factory, restorer);
  }
};

function track(
  factory: ModelViewFactory,
  restorer: ILayoutRestorer | null
): void {
  const tracker = new WidgetTracker<IDocumentWidget<ModelView>>({
    namespace: 'nncompress-lab-models'
  });
  factory.widgetCreated.connect((_, widget) => {
    widget.title.icon = icon;
    void tracker.add(widget);
  });
  void restorer?.restore(tracker, {
    command: 'docmanager:open',
    args: widget => ({ path: widget.context.path, factory: FACTORY }),
    name: widget => widget.context.path
  });
}

const course: JupyterFrontEndPlugin<void> = {
  id: 'nncompress-lab:course',
  description: 'Opens the lessons of the course and shows what was earned.',
  autoStart: true,
  optional: [INotebookTracker, ILauncher, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const { serverSettings: settings, sessions } = app.serviceManager;
    const { commands } = app;
    const panel = new CoursePanel(settings, {
      open: (id, exercise) =>
        commands.execute(CommandIDs.openLesson, { id, exercise }),
      startOver: id => commands.execute(CommandIDs.startOver, { id }),
      shutDown: session => sessions.shutdown(session)
    });
    app.shell.add(panel, 'left', { rank: 900 });
    restorer?.add(panel, panel.id);
    NotebookActions.executed.connect(panel.later);
    addCourseCommands(app, notebooks, panel.id);
    launcher?.add({
      command: CommandIDs.openCourse,
      category: CATEGORY,
      rank: 1
    });
    if (palette) {
      fillPalette(palette, [CommandIDs.openCourse, CommandIDs.showCourse]);
      void app.restored
        .then(() => fetchCourse(settings))
        .then(({ lessons }) => addLessons(palette, lessons))
        .catch(() => undefined); // the panel tells what is wrong
    }
  }
};

const controls: JupyterFrontEndPlugin<void> = {
  id: 'nncompress-lab:controls',
  description: 'Turns a control into code, and brings one back whose kernel is gone.',
  autoStart: true,
  optional: [INotebookTracker, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null
  ) => {
    if (!notebooks) {
      return;
    }
    watchControls(notebooks);
    watchStale(notebooks);
    addInsertCommand(app.commands, notebooks);
    const changed = () =>
      app.commands.notifyCommandChanged(CommandIDs.insertCode);
    NotebookActions.executed.connect(changed);
    notebooks.currentChanged.connect(changed);
    if (palette) {
      fillPalette(palette, [CommandIDs.insertCode]);
    }
  }
};

export default [viewer, course, controls];
