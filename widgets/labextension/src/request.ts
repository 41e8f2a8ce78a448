/** Calls to the half of this plugin that runs in the Jupyter server. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

const NAMESPACE = 'nncompress-lab';

/** What to tell a user when nobody answers; the usual cause is a fresh install. */
export const NO_SERVER_HALF =
  'The server half of nncompress-lab does not answer. Stop Jupyter and start it ' +
  'again (restarting the kernel is not enough). If that does not help, install ' +
  'nncompress-lab in the environment that Jupyter runs in.';

/** The server said no; `message` is its sentence. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly status: number
  ) {
    super(message);
  }
}

/** Call one of the addresses and parse the JSON that it answers. */
export async function request<T>(
  address: string,
  settings: ServerConnection.ISettings,
  init: RequestInit = {}
): Promise<T> {
  const url = URLExt.join(settings.baseUrl, NAMESPACE, address);
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url, init, settings);
  } catch {
    throw new RequestError(NO_SERVER_HALF, 0);
  }
  const answer = await parsed(response);
  if (answer === null || (!response.ok && typeof answer.message !== 'string')) {
    throw new RequestError(NO_SERVER_HALF, response.status);
  }
  if (!response.ok) {
    throw new RequestError(answer.message as string, response.status);
  }
  return answer as T;
}

async function parsed(
  response: Response
): Promise<Record<string, unknown> | null> {
  try {
    return await response.json();
  } catch {
    return null; // a page of HTML: Jupyter does not know the address
  }
}
