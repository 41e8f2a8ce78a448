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

/** A notebook of a lesson whose kernel is running. */
export interface IRunning {
  session: string;
  path: string;
  /** Bytes of its processes, or null if that is not known. */
  memory: number | null;
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
  running: IRunning[];
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
export function openedLesson(
  id: string,
  settings: ServerConnection.ISettings
): Promise<string> {
  return posted({ id }, settings);
}

/** Put a fresh copy in the place of the learner's, which is kept; the path of both. */
export function freshLesson(
  id: string,
  settings: ServerConnection.ISettings
): Promise<string> {
  return posted({ id, start_over: true }, settings);
}

async function posted(
  content: object,
  settings: ServerConnection.ISettings
): Promise<string> {
  const init = { method: 'POST', body: JSON.stringify(content) };
  return (await request<{ path: string }>('lessons', settings, init)).path;
}
