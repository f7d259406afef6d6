import { expect, test } from 'vitest'
import type { TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { check, type Evidence } from './check.ts'
import type { End, Seen } from './observer.ts'
import type { Life } from './witness.ts'

const run: TaskSpec['run'] = { exec: ['true'] }
const piece = (name: string, subject: string, expected: string) => ({ name, subject, expected })
const JOBS: Evidence['jobs'] = [
  { id: 'sum', pieces: [piece('sum', 'a.txt', 'f00')], spec: { run } },
  {
    id: 'words',
    pieces: [piece('words[0]', 'a.txt', '7'), piece('words[1]', 'b.txt', '12')],
    spec: { run, array: [1, 2] },
  },
  { id: 'archive', pieces: [piece('archive', '2 files', 'cab')], spec: { run, exclusive: true } },
  { id: 'index', pieces: [piece('index', '1 result', 'bad')], spec: { run, after: ['sum', 'words'] } },
]

function end(stdout: string, more: Partial<End> = {}): End {
  const attempt = '1.attic.1'
  return { state: 'succeeded', attempt, device: 'attic', stdout, exitCode: 0, explanation: '', ...more }
}

function seen(ends: End[], more: Partial<Seen> = {}): Seen {
  return { status: { state: ends.at(-1)?.state ?? 'running' } as TaskStatus, ends, revived: false, ...more }
}

function life(work: string, beginMs: number, lastMs: number, more: Partial<Life> = {}): Life {
  const attempt = '1.attic.1'
  return { work, attempt, device: 'attic', beginMs, lastMs, ended: true, resumed: false, ...more }
}

function byWork(lives: readonly Life[]): Map<string, Life[]> {
  const all = new Map<string, Life[]>()
  for (const some of lives) all.set(some.work, [...(all.get(some.work) ?? []), some])
  return all
}
const LIVES = [
  life('sum', 0, 10),
  life('words[0]', 0, 10),
  life('words[1]', 0, 20, { ended: false, device: 'cellar' }),
  life('words[1]', 15, 25),
  life('archive', 0, 20, { ended: false, device: 'cellar' }),
  life('archive', 30, 40),
  life('index', 26, 27),
]

const FROM = life('sum', 0, 4, { ended: false })

interface Change extends Partial<Evidence> {
  readonly sum?: Seen
  readonly array?: Seen
  readonly first?: End[]
  readonly life?: Life
}

/** All is well, but for what the test changes. */
function evidence(change: Change = {}): Evidence {
  const {
    sum = seen([end('f00\n')]),
    array = seen([end('')]),
    first = [end('7')],
    life: odd,
    ...more
  } = change
  return {
    jobs: JOBS,
    receipts: new Set(JOBS.map(({ id }) => id)),
    failures: new Map(),
    seen: new Map([
      ['sum', sum],
      ['words', array],
      ['archive', seen([end('cab')])],
      ['index', seen([end('bad')])],
    ]),
    elements: new Map([
      ['words[0]', first],
      ['words[1]', [end('12\n')]],
    ]),
    lives: byWork(odd === undefined ? LIVES : [...LIVES, odd]),
    rerouted: [['words[1]', 'archive'], ['archive']],
    moves: [{ from: FROM, to: life('sum', 5, 10, { device: 'cellar', resumed: true }) }],
    ...more,
  }
}

test('Pieces that ended once with the right result leave no problem', () => {
  expect(check(evidence())).toEqual({
    problems: [],
    figures: {
      ...{ tasks: 4, elements: 2, receipts: 4, right: 5, lost: 0, acceptedTwice: 0, failed: 0, wrong: 0 },
      ...{ attempts: 7, attemptsCut: 2, rerouted: 2, moved: 1, executedTwice: 0 },
      ...{ overlaps: 0, early: 0 },
    },
  })
})

test('A result other than the expected one is wrong, whichever of the two is to blame', () => {
  const others = [{ ...JOBS[0]!, pieces: [piece('sum', 'a.txt', 'ba5')] }, ...JOBS.slice(1)]
  const expectation = check(evidence({ jobs: others }))
  expect(expectation.figures).toMatchObject({ wrong: 1, right: 4 })
  expect(expectation.problems).toEqual(['wrong result: 1: sum (a.txt): "f00" instead of "ba5"'])
  const result = check(evidence({ first: [end('')] }))
  expect(result.problems).toEqual(['wrong result: 1: words[0] (a.txt): "" instead of "7"'])
})

test('What ran to its end twice is counted, and no problem: one result was taken', () => {
  const again = life('sum', 12, 14, { attempt: '2.cellar.1', device: 'cellar' })
  expect(check(evidence({ life: again }))).toMatchObject({ problems: [], figures: { executedTwice: 1 } })
})

const second = (stdout: string) => end(stdout, { attempt: '2.cellar.1' })
test.each<[string, Change, string]>([
  ['A receipted task without an end is lost', { sum: seen([]) }, 'lost: a receipt and no end: 1: sum'],
  ['An element of a receipted array without an end is lost', { first: [] }, 'no end: 1: words[0] (a.txt)'],
  ['An array without an end is lost', { array: seen([]) }, 'lost: a receipt and no end: 1: words: running'],
  [
    'Two different ends of a task are one too many, even if both are right',
    { sum: seen([end('f00'), second('f00')]) },
    'ended more than once: 1: sum (a.txt): succeeded by 1.attic.1, succeeded by 2.cellar.1',
  ],
  [
    'Two ends of an element are one too many',
    { first: [end('7'), second('7')] },
    'ended more than once: 1: words[0] (a.txt)',
  ],
  [
    'A task that goes on after its end has not ended once',
    { sum: seen([end('f00')], { revived: true }) },
    'succeeded by 1.attic.1, and it went on',
  ],
  ['Nor has an array', { array: seen([end('')], { revived: true }) }, 'ended more than once: 1: words'],
  [
    'A task that failed did not succeed',
    { sum: seen([end('f00', { state: 'failed', explanation: 'exit code 1' })]) },
    'did not succeed: 1: sum (a.txt): failed, exit code 1',
  ],
  [
    'An array that failed did not succeed',
    { array: seen([end('', { state: 'failed', explanation: '1 of 2' })]) },
    'did not succeed: 1: words: failed, 1 of 2',
  ],
  [
    'A success without exit code 0 is none',
    { first: [end('7', { exitCode: undefined })] },
    'did not succeed',
  ],
  [
    'A task without a receipt is a problem even if it ended well',
    { receipts: new Set(['words', 'archive', 'index']), failures: new Map([['sum', 'no answer']]) },
    'no receipt: 1: sum: no answer',
  ],
  [
    'A task that nobody handed in is a problem',
    { seen: new Map([...evidence().seen, ['other', seen([end('1')])]]) },
    'a task that nobody handed in: 1: other',
  ],
  [
    'So is an element of no array',
    { elements: new Map([...evidence().elements, ['words[2]', [end('1')]]]) },
    'a task that nobody handed in: 1: words[2]',
  ],
  ['So is what ran without any word of it', { life: life('other', 1, 2) }, 'nobody handed in: 1: other'],
  [
    'A right result of an attempt that never came to its end is made up',
    { first: [second('7')] },
    'a result of what did not run to its end: 1: words[0] (a.txt): 2.cellar.1',
  ],
  [
    'Attempts of exclusive work may not be at work together, however they ended',
    { life: life('archive', 39, 50, { attempt: '2.cellar.1', ended: false }) },
    'exclusive, and two attempts at work together: 1: archive: 2.cellar.1 with another for 1 ms',
  ],
  [
    'What is after an array may not begin before its last element has ended',
    { lives: byWork(LIVES.map((some) => (some.work === 'index' ? life('index', 24, 27) : some))) },
    'begun before what it is after had ended: 1: index: before words',
  ],
  [
    'A blow after which nothing was rerouted shows nothing',
    { rerouted: [['words[1]'], []] },
    'nothing was rerouted after a blow: 1: blow 2',
  ],
  [
    'What was moved goes on on another device',
    { moves: [{ from: FROM, to: life('sum', 5, 10, { resumed: true }) }] },
    'moved, and not elsewhere: 1: sum: on attic',
  ],
  [
    'What was moved goes on from its checkpoint',
    { moves: [{ from: FROM, to: life('sum', 5, 10, { device: 'cellar' }) }] },
    'moved, and began anew: 1: sum: on cellar',
  ],
])('%s', (_, change, problem) => {
  const { problems } = check(evidence(change))
  expect(problems).toEqual([expect.stringContaining(problem)])
})

test('A task without receipt and without end is not lost, and three of many are named', () => {
  const jobs = Array.from({ length: 5 }, (_, i) => {
    return { id: `t-${i}`, pieces: [piece(`t-${i}`, 'f', '1')], spec: { run } }
  })
  const nothing = { receipts: new Set<string>(), seen: new Map(), elements: new Map(), lives: new Map() }
  const none = check({ ...nothing, jobs, failures: new Map(), rerouted: [], moves: [] })
  expect(none.figures).toMatchObject({ lost: 0, right: 0, receipts: 0 })
  expect(none.problems).toEqual([expect.stringMatching(/^no receipt: 5: .*t-2: .*; and 2 more$/)])
})
