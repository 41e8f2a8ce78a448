import {
  Contents,
  RestContentProvider,
  ServerConnection
} from '@jupyterlab/services';
import { request, RequestError } from './request';
import { IFailure, ISummary } from './summary';

export const PROVIDER = 'nncompress-lab:model-summary';

/**
 * Answers the request for a model file with its summary.
 *
 * The model itself is never sent to the browser, and because it is not writable here,
 * JupyterLab does not copy it to `.ipynb_checkpoints` when it is opened.
 */
export class SummaryProvider extends RestContentProvider {
  constructor(private settings: ServerConnection.ISettings) {
    super({ apiEndpoint: 'api/contents', serverSettings: settings });
  }

  async get(
    path: string,
    options?: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    const file = await super.get(path, { type: 'file', content: false });
    const model = { ...file, writable: false };
    if (options?.content === false) {
      return model;
    }
    const content = JSON.stringify(await this.summary(path));
    return { ...model, format: 'text', mimetype: 'application/json', content };
  }

  async save(): Promise<Contents.IModel> {
    throw new Error('A model is only shown here; it cannot be changed.');
  }

  private async summary(path: string): Promise<ISummary | IFailure> {
    try {
      return await request<ISummary | IFailure>(
        `inspect?path=${encodeURIComponent(path)}`,
        this.settings
      );
    } catch (error) {
      if (error instanceof RequestError) {
        return { error: error.message };
      }
      throw error;
    }
  }
}
