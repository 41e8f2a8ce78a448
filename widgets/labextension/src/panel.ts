/** The panel on the left: lessons, and what was earned in each. */

import { ServerConnection } from '@jupyterlab/services';
import { Message } from '@lumino/messaging';
import { Debouncer } from '@lumino/polling';
import { Widget } from '@lumino/widgets';
import { element, marked } from './dom';
import { bytes, counted, percent } from './format';
import { icon } from './icon';
import {
  fetchCourse,
  ICheck,
  ICourse,
  ILesson,
  IResult,
  IRunning,
  Status
} from './lessons';

const DIFFICULTIES = 5;
const PAUSE = 300; // milliseconds; running all cells asks once, not once a cell
const REFRESH = 15_000; // milliseconds; kernels grow while nobody runs a cell here

const STATUS: Record<Status, { sign: string; words: string }> = {
  PASS: { sign: '✓', words: 'passed' },
  FAIL: { sign: '✗', words: 'not right yet' },
  UNATTEMPTED: { sign: '○', words: 'not tried yet' },
  ERROR: { sign: '!', words: 'stopped with an error' }
};

/** What the panel's buttons do. */
export interface IActions {
  open: (lesson: string, exercise: string) => Promise<unknown>;
  startOver: (lesson: string) => Promise<unknown>;
  shutDown: (session: string) => Promise<unknown>;
}

export class CoursePanel extends Widget {
  constructor(
    private settings: ServerConnection.ISettings,
    private actions: IActions
  ) {
    super();
    this.id = 'nncompress-lab-course';
    this.title.icon = icon;
    this.title.label = 'Course';
    this.title.caption = 'Model compression course';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this.title.caption);
    this.addClass('nncl-Panel');
    this.content = element('div', 'nncl-Panel-content', ['Reading the course …']);
    this.node.append(
      element('h2', 'nncl-Panel-title', [this.title.caption]),
      this.content
    );
    this.content.addEventListener('click', event => this.clicked(event));
    window.addEventListener('focus', this.later);
    this.timer = window.setInterval(this.later, REFRESH);
  }

  dispose(): void {
    if (!this.isDisposed) {
      window.removeEventListener('focus', this.later);
      window.clearInterval(this.timer);
      this.debouncer.dispose();
    }
    super.dispose();
  }

  /** Ask the server again, soon and only if anybody sees the answer. */
  readonly later = (): void => {
    if (this.isVisible) {
      void this.debouncer.invoke();
    }
  };

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    try {
      const answer = await fetchCourse(this.settings);
      this.redraw(JSON.stringify(answer), () => course(answer));
    } catch (error) {
      const text = (error as Error).message;
      this.redraw(text, () => [
        element('p', 'nncl-Panel-failure', [text], { role: 'alert' })
      ]);
    }
  }

  /** Draw only what is new, and keep open what is open and the keyboard's place. */
  private redraw(state: string, nodes: () => HTMLElement[]): void {
    if (state === this.state || this.isDisposed) {
      return;
    }
    this.state = state;
    const keep = (selector: string) =>
      [...this.content.querySelectorAll<HTMLElement>(selector)].map(
        node => node.dataset.key
      );
    const opened = keep('details[open]');
    const [focused] = keep(':focus');
    this.content.replaceChildren(...nodes());
    for (const node of this.content.querySelectorAll<HTMLElement>('[data-key]')) {
      if (node instanceof HTMLDetailsElement && opened.includes(node.dataset.key)) {
        node.open = true;
      }
      if (focused !== undefined && node.dataset.key === focused) {
        node.focus();
      }
    }
  }

  private clicked(event: Event): void {
    const button = (event.target as Element).closest<HTMLElement>('[data-act]');
    if (button) {
      void this.act(button.dataset).finally(this.later);
    }
  }

  private async act({ act, lesson, of: part }: DOMStringMap): Promise<unknown> {
    switch (act) {
      case 'open':
        return this.actions.open(lesson!, part ?? '');
      case 'start-over':
        return this.actions.startOver(lesson!);
      default:
        return this.actions.shutDown(part!);
    }
  }

  private readonly timer: number;
  private readonly content: HTMLElement;
  private state = '';
  private readonly debouncer = new Debouncer(() => this.refresh(), PAUSE);
}

function course({ lessons, results }: ICourse): HTMLElement[] {
  if (lessons.length === 0) {
    return [
      element('p', 'nncl-Panel-failure', [
        'No lessons are installed. Install nncompress-lab again.'
      ])
    ];
  }
  const points = lessons.reduce((sum, one) => sum + one.points, 0);
  const earned = lessons.reduce((sum, one) => sum + one.earned, 0);
  return [
    element('div', 'nncl-Course', [
      progress('The course', earned, points),
      score(earned, points)
    ]),
    element('ol', 'nncl-Lessons', lessons.map(lessonItem)),
    ...(results.length > 0 ? best(results) : [])
  ];
}

/** What the learner measured: of each technique the smallest file that still works. */
function best(results: IResult[]): HTMLElement[] {
  const titles = ['technique', 'accuracy', 'packed'];
  return [
    element('h3', 'nncl-Results-title', ['Your best results'], {
      title: 'Of each technique the smallest file that loses at most a point'
    }),
    element('table', 'nncl-Results', [
      element('thead', '', [
        element(
          'tr',
          '',
          titles.map(title => element('th', '', [title], { scope: 'col' }))
        )
      ]),
      element('tbody', '', results.map(resultRow))
    ])
  ];
}

function resultRow(result: IResult): HTMLElement {
  return element('tr', '', [
    element('td', '', [
      result.technique,
      element('span', 'nncl-Results-setting', [`${result.model}, ${result.setting}`])
    ]),
    element('td', '', [percent(result.accuracy)]),
    element('td', '', [bytes(result.packed)])
  ]);
}

function lessonItem(lesson: ILesson): HTMLElement {
  const title = `${lesson.id} ${lesson.title}`;
  const done = lesson.points > 0 && lesson.earned === lesson.points;
  return element('li', `nncl-Lesson${done ? ' nncl-mod-done' : ''}`, [
    element('div', 'nncl-Lesson-head', [
      element('h3', '', [
        element('span', 'nncl-Lesson-id', [lesson.id]),
        element('span', '', marked(lesson.title))
      ]),
      action('open', lesson, 'nncl-Open', ['Open'], `Open lesson ${title}`)
    ]),
    element('p', 'nncl-Lesson-facts', [
      `${lesson.minutes} min · `,
      difficulty(lesson.difficulty),
      ' · ',
      action('start-over', lesson, 'nncl-Link', ['Start over'], `Start ${title} over`)
    ]),
    ...lesson.running.map(running => memory(lesson, running)),
    ...(lesson.points > 0 ? graded(lesson, title) : [])
  ]);
}

/** What an open lesson costs, and the way to be rid of that. */
function memory(lesson: ILesson, { session, path, memory }: IRunning): HTMLElement {
  const taken = memory === null ? 'is running' : `takes ${bytes(memory)} of memory`;
  const label = `Shut down the kernel of ${path}`;
  return element('p', 'nncl-Running', [
    element('span', '', [`Its kernel ${taken}.`], { title: path }),
    action('shut-down', lesson, 'nncl-Link', ['Shut down'], label, session)
  ]);
}

function graded(lesson: ILesson, title: string): HTMLElement[] {
  const passed = lesson.checks.filter(check => check.status === 'PASS').length;
  const summary = element(
    'summary',
    '',
    [`${counted(lesson.checks.length, 'check')}, ${passed} passed`],
    { 'data-key': `summary-${lesson.id}` }
  );
  const checks = lesson.checks.map(check => checkItem(lesson, check));
  return [
    element('div', 'nncl-Course', [
      progress(`Lesson ${title}`, lesson.earned, lesson.points),
      score(lesson.earned, lesson.points)
    ]),
    element('details', 'nncl-Checks', [summary, element('ul', '', checks)], {
      'data-key': `checks-${lesson.id}`
    })
  ];
}

function checkItem(lesson: ILesson, check: ICheck): HTMLElement {
  const status = check.status in STATUS ? check.status : 'UNATTEMPTED';
  const { sign, words } = STATUS[status];
  const told = status === 'FAIL' || status === 'ERROR' ? check.message : '';
  const label = `Go to the cell of ${check.title}`;
  return element('li', `nncl-Check nncl-mod-${status.toLowerCase()}`, [
    element('span', 'nncl-Check-sign', [sign], { 'aria-hidden': 'true' }),
    element('div', '', [
      action('open', lesson, 'nncl-Link', marked(check.title), label, check.name),
      element('span', 'nncl-Check-words', [
        `${words} · ${counted(check.points, 'point')}`
      ]),
      told ? element('p', 'nncl-Check-message', marked(told)) : null
    ])
  ]);
}

/** A button that does something with a lesson, or with a part of it. */
function action(
  act: string,
  lesson: ILesson,
  className: string,
  children: (Node | string)[],
  label: string,
  part = ''
): HTMLElement {
  return element('button', className, children, {
    type: 'button',
    title: label,
    'aria-label': label,
    'data-act': act,
    'data-lesson': lesson.id,
    'data-of': part,
    'data-key': `${act}-${lesson.id}-${part}`
  });
}

function progress(label: string, earned: number, points: number): HTMLElement {
  const filled = element('div', 'nncl-Progress-filled');
  filled.style.width = `${points ? (100 * earned) / points : 0}%`;
  return element('div', 'nncl-Progress', [filled], {
    role: 'progressbar',
    'aria-label': label,
    'aria-valuemin': '0',
    'aria-valuemax': String(points),
    'aria-valuenow': String(earned),
    'aria-valuetext': `${earned} of ${counted(points, 'point')}`
  });
}

function score(earned: number, points: number): HTMLElement {
  return element('span', 'nncl-Score', [`${earned} / ${points}`], {
    title: `${earned} of ${counted(points, 'point')}`
  });
}

function difficulty(level: number): HTMLElement {
  const filled = Math.max(0, Math.min(DIFFICULTIES, level));
  const dots = '●'.repeat(filled) + '○'.repeat(DIFFICULTIES - filled);
  const words = `difficulty ${level} of ${DIFFICULTIES}`;
  return element('span', 'nncl-Difficulty', [dots], {
    role: 'img',
    'aria-label': words,
    title: words
  });
}
