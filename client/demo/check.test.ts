import { expect, test } from 'vitest'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { check, type Evidence } from './check.ts'
import type { End, Seen } from './observer.ts'

const JOBS = [
  { id: 'words-0', file: 'a.txt', expected: '7' },
  { id: 'words-1', file: 'b.txt', expected: '12' },
]

function end(stdout: string, more: Partial<End> = {}): End {
  return {
    state: 'succeeded',
    attempt: '1-attic-1',
    device: 'attic',
    stdout,
    exitCode: 0,
    explanation: '',
    ...more,
  }
}

function seen(ends: End[], more: Partial<Seen> = {}, status: Partial<TaskStatus> = {}): Seen {
  const whole = {
    state: ends.at(-1)?.state ?? 'running',
    attempts: 1,
    failed: 0,
    lost: 0,
    ...status,
  } as TaskStatus
  return { status: whole, sinceMs: 0, ends, revived: false, ...more }
}

/** All is well, but for what the test changes. */
function evidence(change: Partial<Evidence> & { readonly first?: Seen | undefined } = {}): Evidence {
  const { first = seen([end('7\n')]), ...more } = change
  return {
    jobs: JOBS,
    receipts: new Set(['words-0', 'words-1']),
    failures: new Map(),
    seen: new Map([
      ['words-0', first],
      ['words-1', seen([end('12\n')], {}, { attempts: 2, lost: 1, duplicates: 1 })],
    ]),
    rerouted: ['words-1'],
    ...more,
  }
}

test('Tasks that ended once with the right result leave no problem', () => {
  expect(check(evidence())).toEqual({
    problems: [],
    figures: {
      ...{ tasks: 2, receipts: 2, right: 2, lost: 0, endedTwice: 0, failed: 0, wrong: 0 },
      ...{ attempts: 3, attemptsLost: 1, rerouted: 1, duplicates: 1 },
    },
  })
})

test('A result other than the expected one is wrong, whichever of the two is to blame', () => {
  const expectation = check(evidence({ jobs: [{ ...JOBS[0]!, expected: '8' }, JOBS[1]!] }))
  expect(expectation.figures).toMatchObject({ wrong: 1, right: 1 })
  expect(expectation.problems).toEqual(['wrong result: 1: words-0 (a.txt): "7" instead of "8"'])
  const result = check(evidence({ first: seen([end('')]) }))
  expect(result.problems).toEqual(['wrong result: 1: words-0 (a.txt): "" instead of "7"'])
})

test.each<[string, Parameters<typeof evidence>[0], string]>([
  ['A receipted task without an end is lost', { first: seen([]) }, 'lost: a receipt and no end: 1: words-0'],
  [
    'Two different ends of a task are one too many, even if both are right',
    { first: seen([end('7'), end('7', { attempt: '2-cellar-1' })]) },
    'ended more than once: 1: words-0 (a.txt): succeeded by 1-attic-1, succeeded by 2-cellar-1',
  ],
  [
    'A task that goes on after its end has not ended once',
    { first: seen([end('7')], { revived: true }) },
    'ended more',
  ],
  [
    'A task that failed did not succeed',
    { first: seen([end('7', { state: 'failed', explanation: 'exit code 1' })]) },
    'did not succeed: 1: words-0 (a.txt): failed, exit code 1',
  ],
  [
    'A success without exit code 0 is none',
    { first: seen([end('7', { exitCode: undefined })]) },
    'did not succeed',
  ],
  [
    'A task without a receipt is a problem even if it ended well',
    { receipts: new Set(['words-1']), failures: new Map([['words-0', 'no answer']]) },
    'no receipt: 1: words-0 (a.txt): no answer',
  ],
  [
    'A task that nobody handed in is a problem',
    { seen: new Map([...evidence().seen, ['other', seen([end('1')])]]) },
    'a task that nobody handed in: 1: other',
  ],
  ['A demo in which nothing was rerouted shows nothing', { rerouted: [] }, 'no task was rerouted'],
])('%s', (_, change, problem) => {
  const { problems } = check(evidence(change))
  expect(problems).toEqual([expect.stringContaining(problem)])
})

test('A task without receipt and without end is not lost, and three of many are named', () => {
  const jobs = Array.from({ length: 5 }, (_, i) => ({ id: `words-${i}`, file: 'f', expected: '1' }))
  const none = check({ jobs, receipts: new Set(), failures: new Map(), seen: new Map(), rerouted: ['x'] })
  expect(none.figures).toMatchObject({ lost: 0, right: 0, receipts: 0 })
  expect(none.problems).toEqual([expect.stringMatching(/^no receipt: 5: .*words-2 .*; and 2 more$/)])
})
