/** GPUs as the wire tells of them: orders name them, devices admit by them and tell which they have given. */
import { describe, expect, it } from 'vitest'
import type { Inbox, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { specDigest } from '../coordinator/task-record.ts'
import { assign, attempt, Driver, SPEC } from './testing/driver.ts'
import { born, elect, inboxes, report, serve, statuses } from './testing/office.ts'

const CAPACITY = { cpu: '8', memory: '8Gi', gpu: '2' }
const asking = (gpu: string, more: object = {}) => ({ ...SPEC, resources: { cpu: '100m', gpu }, ...more })

describe('a device with GPUs', () => {
  const worker = () => new Driver('never', { capacity: CAPACITY }).online().settled()

  it('runs an attempt on the GPUs that its order names, journals them, and tells of them', () => {
    const driver = worker()
    driver.inbox({ assign: [{ ...assign(1, asking('500m')), gpus: [1] }] })
    expect(driver.take('persist')).toMatchObject([{ change: { put: { gpus: [1] } } }])
    expect(driver.take('run')).toMatchObject([{ task: 't1', gpus: [1] }])
    expect(driver.reports()[0]?.held).toMatchObject([{ task: 't1', gpus: [1] }])
  })

  it('does so for elements of arrays', () => {
    const driver = worker()
    const elements = [
      { n: 1, element: 0, gpus: [0] },
      { n: 2, element: 1, gpus: [1] },
    ]
    driver.inbox({ batches: [{ task: 'a', spec: asking('1'), outputBytes: 100, elements }] })
    expect(driver.take('run').map(({ task, gpus }) => [task, gpus])).toEqual([
      ['a[0]', [0]],
      ['a[1]', [1]],
    ])
  })

  it('refuses what a GPU has not left, although another has, until what runs there is gone', () => {
    const driver = worker()
    driver.inbox({ seq: 1, assign: [{ ...assign(1, asking('600m')), gpus: [0] }] })
    driver.inbox({ seq: 2, assign: [{ ...assign(2, asking('500m')), gpus: [0] }] })
    driver.inbox({ seq: 3, assign: [{ ...assign(3, asking('2')), gpus: [0, 1] }] })
    driver.inbox({ seq: 4, assign: [{ ...assign(4, asking('100m')), gpus: [5] }] })
    expect(driver.take('run').map(({ task }) => task)).toEqual(['t1'])
    expect(driver.reports()[0]?.rejected.map(({ error }) => `${error.code}: ${error.message}`)).toEqual([
      'E_CAPACITY: gpu 0 has 400m left, and it takes 500m',
      'E_CAPACITY: 600m gpu are missing',
      'E_CAPACITY: there is no gpu 5: the device has 2',
    ])
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'succeeded' } })
    driver.inbox({ seq: 5, assign: [{ ...assign(5, asking('2')), gpus: [0, 1] }] })
    expect(driver.take('run').map(({ task }) => task)).toEqual(['t5'])
  })

  it('chooses where an older coordinator names none, and says where there is too little on any', () => {
    const driver = worker()
    driver.inbox({ seq: 1, assign: [1, 2].map((n) => assign(n, asking('600m'))) })
    expect(driver.take('run').map(({ gpus }) => gpus)).toEqual([[0], [1]])
    driver.inbox({ seq: 2, assign: [assign(3, asking('500m'))] })
    driver.inbox({ seq: 3, assign: [assign(4, asking('400m'))] })
    expect(driver.take('run').map(({ gpus }) => gpus)).toEqual([[0]])
    expect(driver.reports()[0]?.rejected).toMatchObject([
      { task: 't3', error: { code: 'E_CAPACITY', message: 'too little is left on any one gpu' } },
    ])
  })
})

describe('a coordinator', () => {
  const sent = (driver: Driver): unknown[] =>
    inboxes(driver).flatMap(({ assign }: Inbox) => assign.map(({ task, gpus }) => [task, gpus]))
  const submit = (driver: Driver, id: string, spec: object) =>
    driver.hear('device', { route: 'spec', id, body: spec })
  const held = (task: string, n: number, gpus?: number[], by = 'pi') => ({
    ...{ attempt: { term: 1, agent: by, n }, task, phase: 'running' },
    ...(gpus === undefined ? {} : { gpus }),
  })

  function serving(): Driver {
    const driver = new Driver('auto')
    serve(driver)
    born(driver, 'd', { capacity: CAPACITY })
    report(driver, 'd', 0)
    return driver
  }

  it('names the GPU of each task, and none of a task that asks for none', () => {
    const driver = serving()
    submit(driver, 'whole', asking('1'))
    submit(driver, 'half', asking('500m'))
    submit(driver, 'none', SPEC)
    submit(driver, 'half-too', asking('500m'))
    submit(driver, 'tenth', asking('100m'))
    expect(sent(driver)).toEqual([
      ['whole', [0]],
      ['half', [1]],
      ['none', undefined],
      ['half-too', [1]],
    ])
    expect(statuses(driver).find(({ task }) => task === 'tenth')?.explanation).toBe(
      'waits: 1 of 1 devices have too little left; 100m more gpu on one gpu of d would do',
    )
  })

  it('names them for elements of arrays', () => {
    const driver = serving()
    submit(driver, 'a', { ...asking('1'), array: [1, 2, 3] })
    const elements = inboxes(driver).flatMap(({ batches = [] }) => batches.flatMap((batch) => batch.elements))
    expect(elements.map(({ element, gpus }) => [element, gpus])).toEqual([
      [0, [0]],
      [1, [1]],
    ])
  })

  it('rejects what asks for parts of several, and says what would be right', () => {
    const driver = serving()
    const why = {
      code: 'E_SHAPE',
      path: '/resources/gpu',
      message: '"1500m" is neither a share of one GPU nor a number of whole ones',
      remedy: 'Ask for at most "1", such as "500m", or for whole GPUs, such as "2"',
    }
    driver.hear('device', { route: 'spec', id: 't', rejection: why })
    expect(statuses(driver)).toMatchObject([{ task: 't', state: 'rejected', error: why }])
  })

  it('goes by the device where that tells other GPUs than were named', () => {
    const driver = serving()
    submit(driver, 'a', asking('600m'))
    expect(sent(driver)).toEqual([['a', [0]]])
    report(driver, 'd', 1, [held('a', 1, [1])])
    submit(driver, 'b', asking('600m'))
    submit(driver, 'c', asking('400m'))
    expect(sent(driver)).toEqual([
      ['b', [0]],
      ['c', [0]],
    ])
  })

  it('keeps what it named where an older device tells nothing', () => {
    const driver = serving()
    submit(driver, 'a', asking('600m'))
    submit(driver, 'b', asking('600m'))
    expect(sent(driver)).toHaveLength(2)
    report(driver, 'd', 1, [held('a', 1), held('b', 2)])
    submit(driver, 'c', asking('500m'))
    submit(driver, 'd', asking('400m'))
    expect(sent(driver)).toEqual([['d', [0]]])
  })

  it('gives shares by what was asked for lately, where the mesh or the task says so', () => {
    const driver = serving()
    born(driver, 'plain', { capacity: { cpu: '30', memory: '8Gi' } })
    report(driver, 'plain', 0)
    submit(driver, 'gpu', { ...SPEC, resources: { cpu: '4', gpu: '1' }, strategy: 'replay' })
    expect(sent(driver)).toEqual([['gpu', [0]]])
    // Where it fits best it would take the cpu that another GPU needs.
    driver.hear('device', { route: 'config', id: '', body: { strategy: 'replay' } })
    submit(driver, 'none', { ...SPEC, resources: { cpu: '3' } })
    expect(sent(driver)).toEqual([['none', undefined]])
    expect(statuses(driver).find(({ task }) => task === 'none')).toMatchObject({
      explanation: expect.stringMatching(/^placed on plain: least missed of 2 with room looked at/),
    })
  })

  /** Takes office where this has been running on the device, which reports it so. */
  function restored(reported: readonly object[]): Driver {
    const driver = new Driver('auto')
    const beacon = elect(driver)
    for (const [n, id] of ['a', 'b'].entries()) {
      const spec = asking('600m')
      const status: TaskStatus = {
        ...{ task: id, state: 'running', digest: specDigest(spec), term: 0, agent: 'old', device: 'd' },
        ...{ attempt: { term: 0, agent: 'old', n: n + 1 }, attempts: 1, failed: 0, lost: 0 },
        ...{ explanation: 'before', times: {} },
      }
      driver.hear('device', { route: 'spec', id, body: spec }, true)
      driver.hear('device', { route: 'status', id, body: status }, true)
    }
    born(driver, 'd', { capacity: { ...CAPACITY, gpu: 3 } })
    driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
    driver.pass(1_000)
    driver.timer('coordinator/settle')
    report(driver, 'd', 0, [...reported])
    driver.effects = []
    return driver
  }
  const old = (task: string, n: number, gpus?: number[]) => ({
    ...held(task, n, gpus),
    attempt: { term: 0, agent: 'old', n },
  })

  it('comes to the same counts as the one before from what devices report', () => {
    const driver = restored([old('a', 1, [2]), old('b', 2, [0])])
    submit(driver, 'c', asking('1'))
    submit(driver, 'd', asking('400m'))
    submit(driver, 'e', asking('400m'))
    expect(sent(driver)).toEqual([
      ['c', [1]],
      ['d', [0]],
      ['e', [2]],
    ])
  })

  it('takes work of which no GPU is told for being where it fits', () => {
    const driver = restored([old('a', 1), old('b', 2)])
    submit(driver, 'c', asking('1'))
    submit(driver, 'd', asking('1'))
    expect(sent(driver)).toEqual([['c', [2]]])
  })

  it('ends what has the GPU that urgent work needs, and not what has another', () => {
    const driver = serving()
    for (const [id, gpu, priority] of [
      ['b', '700m', 20],
      ['a', '700m', 10],
      ['c', '300m', 10],
    ] as const) {
      submit(driver, id, asking(gpu, { priority }))
    }
    expect(sent(driver)).toEqual([
      ['b', [0]],
      ['a', [1]],
      ['c', [0]],
    ])
    report(driver, 'd', 1, [held('b', 1, [0]), held('a', 2, [1]), held('c', 3, [0])])
    submit(driver, 'urgent', asking('1', { priority: 90 }))
    expect(sent(driver)).toEqual([])
    driver.timer('coordinator/tick')
    expect(inboxes(driver).flatMap(({ revoke }) => revoke.map(({ n }) => n))).toEqual([2])
  })
})
