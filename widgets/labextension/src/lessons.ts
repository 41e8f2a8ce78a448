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

/** The best that was measured with one technique. */
export interface IResult {
  model: string;
  technique: string;
  setting: string;
  /** A fraction. */
  accuracy: number;
  /** Bytes of the packed file. */
  packed: number;
}

export interface ICourse {
  lessons: ILesson[];
  results: IResult[];
}

export const FIRST_LESSON = '00';

/** All lessons with what was earned in each, and the best results. */
export function fetchCourse(settings: ServerConnection.ISettings): Promise<ICourse> {
  return request<ICourse>('lessons', settings);
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
