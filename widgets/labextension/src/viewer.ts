import {
  ABCWidgetFactory,
  DocumentRegistry,
  DocumentWidget
} from '@jupyterlab/docregistry';
import { Widget } from '@lumino/widgets';
import { element } from './dom';
import { bytesBar, keyFigures, notes, subtitle } from './overview';
import { IFailure, ISummary } from './summary';
import { layerTable } from './table';

/** The content of a tab with a model: its summary, or why there is none. */
export class ModelView extends Widget {
  constructor(private context: DocumentRegistry.Context) {
    super();
    this.addClass('nncl-Viewer');
    this.node.tabIndex = 0; // so that the keyboard can scroll it
    this.fill([element('p', 'nncl-Viewer-wait', ['Reading the model …'])]);
    void context.ready.then(() => {
      this.draw();
      context.model.contentChanged.connect(this.draw, this);
    });
  }

  private draw(): void {
    if (this.isDisposed) {
      return;
    }
    const text = this.context.model.toString();
    const answer = JSON.parse(text || '{}') as ISummary | IFailure;
    this.fill('layers' in answer ? summary(answer) : [this.failure(answer.error)]);
  }

  private fill(nodes: HTMLElement[]): void {
    this.node.replaceChildren(...nodes);
  }

  private failure(error: string | undefined): HTMLElement {
    const again = element(
      'button',
      'jp-mod-styled jp-mod-accept nncl-Button',
      ['Read the file again'],
      { type: 'button' }
    );
    again.addEventListener('click', () => void this.context.revert());
    return element(
      'section',
      'nncl-Failure',
      [
        element('h2', '', ['This model cannot be shown']),
        element('p', 'nncl-Failure-file', [this.context.path]),
        element('p', '', [error || 'The server sent no reason.']),
        again
      ],
      { role: 'alert' }
    );
  }
}

function summary(answer: ISummary): HTMLElement[] {
  return [
    element('header', '', [
      element('h1', '', [answer.file]),
      element('p', 'nncl-Subtitle', [subtitle(answer.model)])
    ]),
    keyFigures(answer.totals),
    bytesBar(answer.totals),
    ...notes(answer),
    layerTable(answer.layers)
  ];
}

/** Makes the tabs for model files. */
export class ModelViewFactory extends ABCWidgetFactory<
  DocumentWidget<ModelView>
> {
  protected createNewWidget(
    context: DocumentRegistry.Context
  ): DocumentWidget<ModelView> {
    const content = new ModelView(context);
    const widget = new DocumentWidget({ context, content });
    widget.toolbar.hide(); // it would only say that the file is read-only
    return widget;
  }
}
