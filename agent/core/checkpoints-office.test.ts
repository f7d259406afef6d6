/** Checkpoints at the coordinator: whom it believes, what it keeps, and who goes on from there. */
import { describe, expect, it } from 'vitest'
import { CHECKPOINT_BYTES_MAX } from '../../shared/model/checkpoint.ts'
import { decodeBody } from '../../shared/protocol/codec.ts'
import { contentDigest } from '../../shared/protocol/digest.ts'
import {
  type AttemptResult,
  type Beacon,
  type Checkpoint,
  HANDOVER_BYTES_MAX,
  type HeldAttempt,
  type Inbox,
  PAYLOAD_BYTES_MAX,
  payloadBytesMax,
  type TaskSpec,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { Checkpoints } from '../coordinator/checkpoints.ts'
import { newTask } from '../coordinator/task-record.ts'
import { Context } from './context.ts'
import { assign, attempt, Driver, SPEC } from './testing/driver.ts'
import { elect, inboxes, join, serve } from './testing/office.ts'

const checkpoint = (n: number, value: unknown, seq = 1): Checkpoint => ({ attempt: attempt(n), seq, value })

interface Told {
  readonly held?: readonly Partial<HeldAttempt>[]
  readonly results?: readonly Partial<AttemptResult>[]
}

type Order = Inbox['assign'][number] & { readonly device: string }

/** A coordinator, and devices that say what the test has them say. */
class Stage {
  readonly driver = new Driver('auto')
  readonly #read = new Map<string, number>()
  readonly #orders: Order[] = []
  #status: TaskStatus | undefined

  constructor(...devices: string[]) {
    serve(this.driver)
    for (const device of devices) join(this.driver, device)
  }

  submit(id: string, spec: TaskSpec = { ...SPEC, retries: { failed: 5 } }): void {
    this.driver.hear('device', { route: 'spec', id, body: spec })
  }

  /** Lets everything happen that is due; the broker answers. */
  #settle(): void {
    for (let left = 1; left > 0; ) {
      left = 0
      for (const name of ['run', 'inbox', 'status']) this.driver.timer(`coordinator/${name}`)
      for (const { message, token } of this.driver.take('publish')) {
        if (message.route === 'status' && message.body !== null) this.#status = message.body
        if (message.route === 'inbox' && message.body !== null) {
          const device = message.topic.split('/').at(-2) as string
          this.#read.set(device, message.body.seq)
          this.#orders.push(...message.body.assign.map((assignment) => ({ ...assignment, device })))
        }
        if (token === undefined) continue
        left++
        this.driver.give({ in: 'acked', link: 'seat', token })
      }
    }
  }

  /** The one assignment that was sent since the last call, and the device that it was sent to. */
  sent(): Order {
    this.#settle()
    const orders = this.#orders.splice(0)
    expect(orders, this.#status?.explanation).toHaveLength(1)
    return orders[0] as Order
  }

  tell(device: string, { held = [], results = [] }: Told, full?: object): void {
    const head = { incarnation: 1, nonce: `${device}-1`, highestTerm: { term: 1, agent: 'pi' } }
    const body = { ...head, inboxSeq: this.#read.get(device) ?? 0, held, results, rejected: [], ...full }
    this.driver.hear('seat', { route: 'report', id: device, body })
  }

  status(): TaskStatus | undefined {
    this.#settle()
    return this.#status
  }

  later(ms: number): void {
    this.driver.pass(ms)
    this.driver.timer('coordinator/due')
  }
}

const runs = (sent: { attempt: HeldAttempt['attempt']; task: string }, value?: unknown, seq = 1) => ({
  attempt: sent.attempt,
  task: sent.task,
  phase: 'running' as const,
  ...(value === undefined ? {} : { checkpoint: { attempt: sent.attempt, seq, value } }),
})
const ends = (
  sent: { attempt: HeldAttempt['attempt']; task: string },
  outcome: AttemptResult['outcome'],
  value?: unknown,
  seq = 2,
) => ({
  attempt: sent.attempt,
  task: sent.task,
  outcome,
  ...(value === undefined ? {} : { checkpoint: { attempt: sent.attempt, seq, value } }),
})

/** A device's state, online, as `join` has it. */
const state = (id: string) => {
  const device = { incarnation: 1, nonce: `${id}-1`, online: true, labels: {}, executors: ['exec'] }
  return {
    route: 'state' as const,
    id,
    body: { ...device, capacity: { cpu: '8', memory: '8Gi' }, candidate: 'never', version: '1' },
  }
}

/** Takes office after `old`, whose task `t` runs on `d` and has published `value`. */
function serveAfter(driver: Driver, value: unknown): Beacon {
  const reign = { term: 1, agent: 'old' }
  const beacon = elect(driver, {
    ...reign,
    nonce: 'n',
    intervalMs: 1_000,
    heartbeatMs: 1_000,
    candidates: [],
  })
  const before = { ...reign, n: 1 }
  const status = {
    task: 't',
    state: 'running',
    digest: contentDigest(SPEC),
    ...reign,
    attempt: before,
    device: 'd',
    attempts: 1,
    failed: 0,
    lost: 0,
    checkpoint: { attempt: before, seq: 1, value },
    explanation: '',
    times: {},
  }
  driver.hear('device', { route: 'spec', id: 't', body: SPEC }, true)
  driver.hear('device', { route: 'status', id: 't', body: status }, true)
  driver.hear('device', state('d'), true)
  driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
  driver.pass(1_000)
  driver.timer('coordinator/settle')
  driver.effects = []
  return beacon
}

describe('a coordinator', () => {
  it('gives a retry what the attempt before published last, and says so', () => {
    const stage = new Stage('d')
    stage.submit('t')
    const first = stage.sent()
    expect(first).not.toHaveProperty('checkpoint')
    stage.tell('d', { held: [runs(first, 'half')] })
    expect(stage.status()).toMatchObject({ state: 'running', checkpoint: { value: 'half' } })
    stage.tell('d', { results: [ends(first, 'failed', 'more')] })
    stage.later(5_000)
    const second = stage.sent()
    expect(second.checkpoint).toEqual({ attempt: first.attempt, seq: 2, value: 'more' })
    expect(stage.status()?.explanation).toMatch(/continues from a checkpoint of attempt 1$/)
    // It publishes nothing of its own before its time is over.
    stage.tell('d', { results: [ends(second, 'timed_out')] })
    stage.later(10_000)
    const third = stage.sent()
    expect(third.checkpoint).toEqual({ attempt: first.attempt, seq: 2, value: 'more' })
    stage.tell('d', { results: [ends(third, 'succeeded')] })
    const status = stage.status()
    expect(status?.state).toBe('succeeded')
    expect(status).not.toHaveProperty('checkpoint')
  })

  it('gives it to an attempt elsewhere: after a move, a restart, and a lost device', () => {
    const stage = new Stage('a', 'b')
    stage.submit('t')
    const first = stage.sent()
    stage.driver.hear('device', { route: 'desired', id: first.device, body: { drain: true } })
    stage.tell(first.device, { results: [ends(first, 'revoked', 1)] })
    const second = stage.sent()
    expect(second.device).not.toBe(first.device)
    expect(second.checkpoint?.value).toBe(1)
    stage.driver.hear('device', { route: 'desired', id: first.device, body: {} })
    stage.tell(second.device, { results: [ends(second, 'interrupted', 2)] })
    const third = stage.sent()
    expect(third.checkpoint?.value).toBe(2)
    stage.tell(third.device, { held: [runs(third, 3)] })
    const { body } = state(third.device)
    stage.driver.hear('device', { route: 'state', id: third.device, body: { ...body, online: false } })
    stage.later(60_000)
    for (const device of ['a', 'b']) if (device !== third.device) stage.tell(device, {})
    stage.later(5_000)
    const fourth = stage.sent()
    expect(fourth.device).not.toBe(third.device)
    expect(fourth.checkpoint?.value).toBe(3)
  })

  it('believes the current attempt only', () => {
    const stage = new Stage('a', 'b')
    stage.submit('t')
    const first = stage.sent()
    stage.tell(first.device, { held: [runs(first, 'old')] })
    const { body } = state(first.device)
    stage.driver.hear('device', { route: 'state', id: first.device, body: { ...body, online: false } })
    stage.later(60_000)
    for (const device of ['a', 'b']) if (device !== first.device) stage.tell(device, {})
    const second = stage.sent()
    stage.tell(second.device, { held: [runs(second, 'new')] })
    // The lost device is back, and has gone on meanwhile.
    stage.driver.hear('device', { route: 'state', id: first.device, body })
    stage.tell(first.device, { held: [runs(first, 'of nobody')] })
    stage.tell(first.device, { results: [ends(first, 'revoked', 'of nobody')] })
    expect(stage.status()).toMatchObject({ checkpoint: { attempt: second.attempt, value: 'new' } })
    stage.tell(second.device, { results: [ends(second, 'interrupted')] })
    stage.later(5_000)
    expect(stage.sent().checkpoint?.value).toBe('new')
  })

  it('takes no report back to where an earlier one was, and nothing older that an attempt passes on', () => {
    const stage = new Stage('d')
    stage.submit('t')
    const first = stage.sent()
    stage.tell('d', { held: [runs(first, 'second', 2)] })
    stage.tell('d', { held: [runs(first, 'first', 1)] })
    expect(stage.status()?.checkpoint?.value).toBe('second')
    // Its agent was killed before the disk had the second.
    stage.tell('d', { results: [ends(first, 'interrupted', 'first', 1)] })
    stage.later(5_000)
    const second = stage.sent()
    expect(second.checkpoint?.value).toBe('second')
    const passedOn = { ...runs(second), checkpoint: { attempt: first.attempt, seq: 1, value: 'first' } }
    stage.tell('d', { held: [passedOn] })
    expect(stage.status()?.checkpoint?.value).toBe('second')
    stage.tell('d', { held: [runs(second, 'third', 1)] })
    expect(stage.status()?.checkpoint).toEqual({ attempt: second.attempt, seq: 1, value: 'third' })
  })

  it('goes on from what an earlier one had published, and from what devices tell of more', () => {
    for (const news of [undefined, 'news']) {
      const driver = new Driver('auto')
      const beacon = serveAfter(driver, 'half')
      const old = { term: 1, agent: 'old', n: 1 }
      const held = {
        attempt: old,
        task: 't',
        phase: 'running',
        ...(news === undefined ? {} : { checkpoint: { attempt: old, seq: 2, value: news } }),
      }
      const head = { incarnation: 1, nonce: 'd-1', highestTerm: { term: beacon.term, agent: 'pi' } }
      const tell = (told: Told, full?: object) =>
        driver.hear('seat', {
          route: 'report',
          id: 'd',
          body: { ...head, inboxSeq: 0, held: [], results: [], rejected: [], ...told, ...full },
        })
      tell({ held: [held as HeldAttempt] }, { full: { id: 1, part: 0, last: true } })
      tell({ results: [{ attempt: old, task: 't', outcome: 'revoked' }] })
      expect(inboxes(driver).flatMap((inbox) => inbox.assign)).toMatchObject([
        { checkpoint: { attempt: old, value: news ?? 'half' } },
      ])
    }
  })

  it('gives elements of arrays theirs, and keeps them out of the status', () => {
    const stage = new Stage('d')
    stage.submit('t', { ...SPEC, retries: { failed: 1 }, array: ['a'] })
    const batch = () => inboxes(stage.driver).flatMap(({ batches = [] }) => batches)[0]
    expect(batch()?.elements).toEqual([{ n: 1, element: 0, input: 'a' }])
    const first = { attempt: { term: 1, agent: 'pi', n: 1 }, task: 't[0]' }
    stage.tell('d', { results: [ends(first, 'failed', 'half')] })
    stage.later(5_000)
    expect(batch()?.elements).toMatchObject([{ n: 2, checkpoint: { attempt: first.attempt, value: 'half' } }])
    const status = stage.status()
    expect(status).toMatchObject({ task: 't', failed: 1 })
    expect(status).not.toHaveProperty('checkpoint')
    const worker = new Driver().online().settled()
    const elements = [{ n: 2, element: 0, input: 'a', checkpoint: checkpoint(1, 'half') }]
    worker.inbox({ batches: [{ task: 't', spec: SPEC, outputBytes: 100, elements }] })
    expect(worker.take('run')).toMatchObject([{ task: 't[0]', checkpoint: checkpoint(1, 'half') }])
  })

  it('keeps no more than it may of all together, and says so once of each task', () => {
    const agent = {
      mesh: 'home',
      device: 'pi',
      labels: {},
      capacity: {},
      executors: [],
      version: '1',
      seed: 's',
    }
    const context = new Context({ ...agent, candidate: 'auto' })
    const checkpoints = new Checkpoints(context, 100)
    const tasks = Array.from({ length: 3 }, (_, n) => {
      const task = newTask(`t${n}`, n, '', '')
      task.current = { attempt: attempt(n + 1), device: 'd' }
      return task
    })
    const [first, second, third] = tasks as [(typeof tasks)[0], (typeof tasks)[0], (typeof tasks)[0]]
    let seq = 0
    const take = (task: typeof first, value: string) => {
      const now = task.current?.attempt ?? attempt(99)
      return checkpoints.take(task, now, { attempt: now, seq: ++seq, value })
    }
    expect(take(first, 'x'.repeat(48))).toBe(true)
    expect(take(second, 'x'.repeat(48))).toBe(true)
    expect(take(third, 'x')).toBe(false)
    expect(take(second, 'x'.repeat(49))).toBe(false)
    expect(take(third, 'xx')).toBe(false)
    expect(second.checkpoint?.value).toHaveLength(48)
    expect(context.take().filter((effect) => effect.do === 'log')).toHaveLength(2)
    checkpoints.drop(first)
    expect(first.checkpoint).toBeUndefined()
    expect(take(third, 'x'.repeat(48))).toBe(true)
    // Not even for one that is as small as the bound of all allows.
    expect(new Checkpoints(context).take(first, attempt(1), checkpoint(1, 'x'.repeat(20_000)))).toBe(false)
  })

  it('finds room in an inbox for the largest that an assignment can be', () => {
    const text = (bytes: number) => 'x'.repeat(bytes)
    const assignment = {
      ...assign(1, { ...SPEC, input: { input: text(PAYLOAD_BYTES_MAX), after: text(HANDOVER_BYTES_MAX) } }),
      checkpoint: checkpoint(1, text(CHECKPOINT_BYTES_MAX)),
    }
    const body = { term: 1, agent: 'pi', seq: 1, assign: [assignment], revoke: [], ack: [] }
    const written = JSON.stringify(body)
    expect(written.length).toBeLessThan(payloadBytesMax('inbox'))
    expect(decodeBody('inbox', written)).toEqual({ body })
  })
})
