/** The course as the server tells it. */

import { ServerConnection } from '@jupyterlab/services';
import { request } from './request';

export type Status = 'PASS' | 'FAIL' | 'UNATTEMPTED' | 'ERROR';

export interface ICheck {
  name: string;
  title: string;
  points: number;
  status: Status;
  message: string;
}

export interface ILesson {
  id: string;
  title: string;
  minutes: number;
  /** 1 (reading) to 5 (research). */
  difficulty: number;
  points: number;
  earned: number;
  checks: ICheck[];
}

export const FIRST_LESSON = '00';

/** All lessons with what was earned in each. */
export async function fetchLessons(
  settings: ServerConnection.ISettings
): Promise<ILesson[]> {
  const answer = await request<{ lessons: ILesson[] }>('lessons', settings);
  return answer.lessons;
}

/** Copy a lesson to the learner's folder unless it is there; its path. */
export async function openedLesson(
  id: string,
  settings: ServerConnection.ISettings
): Promise<string> {
  const body = JSON.stringify({ id });
  const init = { method: 'POST', body };
  return (await request<{ path: string }>('lessons', settings, init)).path;
}
