/**
 * One agent, driven by hand: inputs in, effects out. What several agents do together is simulated elsewhere.
 */
import { describe, expect, it } from 'vitest'
import type { AgentEffect, AgentInput, Journal } from '../../shared/ports.ts'
import type { Incoming } from '../../shared/protocol/codec.ts'
import type {
  Beacon,
  DeviceReport,
  Inbox,
  TaskSpec,
  TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { Agent } from './agent.ts'

const SPEC: TaskSpec = {
  run: { exec: ['true'] },
  resources: { cpu: '1', memory: '64Mi' },
  timeout: '10s',
  grace: '2s',
}

/** A message as the codec hands it over, less whether it was retained. */
interface Heard {
  readonly route: Incoming['route']
  readonly id: string
  readonly body?: unknown
  readonly empty?: true
  readonly rejection?: unknown
}

class Driver {
  readonly agent: Agent
  effects: AgentEffect[] = []
  now = { monoMs: 0, wallMs: 1_700_000_000_000 }
  #journalFails = false
  #journalWrites = true
  #unwritten: number[] = []

  constructor(candidate: 'auto' | 'never' = 'never') {
    this.agent = new Agent({
      mesh: 'home',
      device: 'pi',
      labels: {},
      capacity: { cpu: '2', memory: '1Gi' },
      executors: ['exec'],
      candidate,
      version: '1',
      seed: 'test',
    })
  }

  /** Steps the core; a journal that works answers at once. */
  give(input: AgentInput): void {
    const effects = this.agent.step(input, this.now)
    this.effects.push(...effects)
    for (const effect of effects) {
      if (effect.do !== 'persist') continue
      if (this.#journalWrites) this.#answer(effect.seq)
      else this.#unwritten.push(effect.seq)
    }
  }

  #answer(seq: number): void {
    this.give({ in: 'journaled', seq, ...(this.#journalFails ? { error: 'ENOSPC' } : {}) })
  }

  /** Lets the journal take its time until `finishJournal`. */
  slowJournal(): void {
    this.#journalWrites = false
  }

  finishJournal(): void {
    this.#journalWrites = true
    for (const seq of this.#unwritten.splice(0)) this.#answer(seq)
  }

  breakJournal(): void {
    this.#journalFails = true
  }

  mendJournal(): void {
    this.#journalFails = false
  }

  pass(ms: number): void {
    this.now = { monoMs: this.now.monoMs + ms, wallMs: this.now.wallMs + ms }
  }

  timer(name: string): void {
    this.give({ in: 'timer', name })
  }

  hear(link: 'device' | 'seat', message: Heard, retained = false): void {
    this.give({ in: 'message', link, message: { ...message, retained } as Incoming })
  }

  take<D extends AgentEffect['do']>(kind: D): Extract<AgentEffect, { do: D }>[] {
    const found = this.effects.filter((effect) => effect.do === kind)
    this.effects = this.effects.filter((effect) => effect.do !== kind)
    return found as Extract<AgentEffect, { do: D }>[]
  }

  published<T>(route: string): T[] {
    const found = this.effects.filter((effect) => effect.do === 'publish' && effect.message.route === route)
    this.effects = this.effects.filter((effect) => !found.includes(effect))
    return found.map((effect) => (effect as Extract<AgentEffect, { do: 'publish' }>).message.body as T)
  }

  /** Connects and hears who is in office. */
  online(journal?: Journal, beacon: Partial<Beacon> = {}): this {
    this.give({ in: 'boot', journal })
    this.reconnect(beacon)
    return this
  }

  /** Forgets what was emitted so far. */
  settled(): this {
    this.effects = []
    return this
  }

  reconnect(beacon: Partial<Beacon> = {}): void {
    this.give({ in: 'link-up', link: 'device' })
    const token = this.take('subscribe')[0]?.token ?? 0
    this.give({ in: 'subscribed', link: 'device', token })
    this.timer('worker/birth')
    this.beacon(beacon)
    this.timer('worker/report')
  }

  beacon(beacon: Partial<Beacon> = {}): void {
    const body = {
      term: 1,
      agent: 'boss',
      nonce: 'n1',
      intervalMs: 1000,
      heartbeatMs: 1000,
      candidates: [],
      ...beacon,
    }
    this.hear('device', { route: 'beacon', id: '', body })
  }

  inbox(inbox: Partial<Inbox>): void {
    const body = { term: 1, agent: 'boss', seq: 1, assign: [], revoke: [], ack: [], ...inbox }
    this.hear('device', { route: 'inbox', id: 'pi', body })
  }

  reports(): DeviceReport[] {
    this.timer('worker/report')
    return this.published<DeviceReport>('report')
  }
}

const attempt = (n: number, term = 1) => ({ term, agent: 'boss', n })
const assign = (n: number, spec = SPEC) => ({ attempt: attempt(n), task: `t${n}`, spec })

describe('worker', () => {
  it('journals an attempt before it runs it, and a result before it reports it', () => {
    const driver = new Driver().online().settled()
    driver.effects = []
    driver.inbox({ assign: [assign(1)] })
    expect(driver.effects.map((effect) => effect.do).indexOf('persist')).toBeLessThan(
      driver.effects.map((effect) => effect.do).indexOf('run'),
    )
    expect(driver.take('run')).toMatchObject([{ task: 't1', attempt: attempt(1) }])
    driver.effects = []
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'succeeded', result: { exitCode: 0 } } })
    expect(driver.take('persist')).toMatchObject([{ change: { put: { result: { outcome: 'succeeded' } } } }])
    expect(driver.reports()).toMatchObject([{ results: [{ task: 't1', outcome: 'succeeded' }] }])
  })

  it('runs nothing that it could not journal, and says so', () => {
    const driver = new Driver().online().settled()
    driver.breakJournal()
    driver.inbox({ assign: [assign(1)] })
    expect(driver.take('run')).toEqual([])
    expect(driver.reports()).toMatchObject([{ held: [], rejected: [{ error: { code: 'E_JOURNAL' } }] }])
  })

  it('runs nothing that was revoked while it was being journaled, whether or not the disk takes it', () => {
    for (const breaks of [false, true]) {
      const driver = new Driver().online().settled()
      driver.slowJournal()
      driver.inbox({ seq: 1, assign: [assign(1), assign(2)] })
      driver.inbox({ seq: 2, revoke: [attempt(1), attempt(2)] })
      if (breaks) driver.breakJournal()
      driver.finishJournal()
      expect(driver.take('run')).toEqual([])
      driver.mendJournal()
      driver.inbox({ seq: 3, assign: [assign(3), assign(4)] })
      expect(driver.take('run').map((run) => run.task)).toEqual(['t3', 't4'])
    }
  })

  it('begins nothing for a reign that its disk does not keep, until the disk does', () => {
    const driver = new Driver().online().settled()
    driver.breakJournal()
    driver.beacon({ term: 2, agent: 'next', nonce: 'n2' })
    driver.inbox({
      term: 2,
      agent: 'next',
      seq: 1,
      assign: [{ ...assign(1), attempt: { term: 2, agent: 'next', n: 1 } }],
    })
    expect(driver.take('run')).toEqual([])
    expect(driver.reports().flatMap((report) => report.rejected)).toMatchObject([
      { error: { code: 'E_JOURNAL' } },
    ])
    driver.mendJournal()
    driver.timer('worker/reign')
    driver.inbox({
      term: 2,
      agent: 'next',
      seq: 2,
      assign: [{ ...assign(1), attempt: { term: 2, agent: 'next', n: 2 } }],
    })
    expect(driver.take('run')).toHaveLength(1)
  })

  it('reports a result that the disk does not take', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1)] })
    driver.breakJournal()
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'succeeded' } })
    expect(driver.reports()[0]?.results).toHaveLength(1)
  })

  it('refuses what exceeds its capacity, counting work that is being ended', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ seq: 1, assign: [assign(1), assign(2)] })
    driver.inbox({ seq: 2, revoke: [attempt(1)] })
    expect(driver.take('kill')).toMatchObject([{ attempt: attempt(1), graceMs: 2000 }])
    driver.inbox({ seq: 3, assign: [assign(3)] })
    expect(driver.reports().flatMap((report) => report.rejected)).toMatchObject([
      { error: { code: 'E_CAPACITY' } },
    ])
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed' } })
    driver.inbox({ seq: 4, assign: [assign(4)] })
    expect(driver.take('run').map((run) => run.task)).toEqual(['t1', 't2', 't4'])
    expect(driver.reports().flatMap((report) => report.results)).toMatchObject([
      { task: 't1', outcome: 'revoked' },
    ])
  })

  it('ends what runs longer than its timeout', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1)] })
    expect(driver.take('timer')).toContainEqual({
      do: 'timer',
      name: 'worker/timeout/1.boss.1',
      delayMs: 10_000,
    })
    driver.timer('worker/timeout/1.boss.1')
    expect(driver.take('kill')).toHaveLength(1)
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed' } })
    expect(driver.reports()[0]?.results).toMatchObject([
      { outcome: 'timed_out', error: { code: 'E_TIMEOUT' } },
    ])
  })

  it('does not run an attempt again that it holds, and sends a result again until it is acknowledged', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ seq: 1, assign: [assign(1)] })
    driver.inbox({ seq: 2, assign: [assign(1)] })
    expect(driver.take('run')).toHaveLength(1)
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'succeeded' } })
    expect(driver.reports()[0]?.results).toHaveLength(1)
    expect(driver.reports()).toEqual([])
    driver.timer('worker/resend')
    expect(driver.reports()[0]?.results).toHaveLength(1)
    driver.inbox({ seq: 3, ack: [attempt(1)] })
    driver.timer('worker/resend')
    expect(driver.reports()).toEqual([])
    expect(driver.take('persist').at(-1)).toMatchObject({ change: { drop: '1.boss.1' } })
  })

  it('ends after a restart what a former start left, and tells it as interrupted', () => {
    const entry = { attempt: attempt(7), task: 't7', spec: SPEC, pid: 4242 }
    const driver = new Driver()
    driver.online({ incarnation: 4, highest: { term: 1, agent: 'boss' }, entries: [entry] })
    expect(driver.take('reap')).toEqual([{ do: 'reap', entries: [entry] }])
    expect(driver.take('run')).toEqual([])
    expect(driver.published<{ incarnation: number }>('state').at(-1)?.incarnation).toBe(5)
    expect(driver.published<DeviceReport>('report')[0]).toMatchObject({
      full: { last: true },
      results: [{ task: 't7', outcome: 'interrupted', error: { code: 'E_INTERRUPTED' } }],
    })
  })

  it('takes a higher incarnation when the broker remembers more than its disk', () => {
    const driver = new Driver()
    driver.give({ in: 'boot', journal: undefined })
    driver.give({ in: 'link-up', link: 'device' })
    driver.give({ in: 'subscribed', link: 'device', token: driver.take('subscribe')[0]?.token ?? 0 })
    expect(driver.published('state')).toEqual([])
    const state = { incarnation: 9, nonce: 'old-1', online: false, labels: {}, capacity: {}, executors: [] }
    const body = { ...state, candidate: 'auto' as const, version: '1' }
    driver.hear('device', { route: 'state', id: 'pi', body }, true)
    expect(driver.take('disconnect')).toHaveLength(1)
    driver.timer('worker/connect')
    expect(driver.take('persist').at(-1)?.change).toEqual({ incarnation: 10 })
    expect(driver.take('connect').at(-1)?.will.body).toMatchObject({ incarnation: 10, online: false })
  })

  it('is not driven to count without end by a state that claims the impossible', () => {
    const driver = new Driver().online()
    const birth = driver.published<object>('state').at(-1)
    driver.effects = []
    driver.pass(1_000)
    const body = { ...birth, incarnation: 2 ** 53 - 1, nonce: 'liar-1' }
    driver.hear('device', { route: 'state', id: 'pi', body })
    expect(driver.take('disconnect')).toEqual([])
  })

  it('announces itself again when its state is cleared', () => {
    const driver = new Driver().online()
    driver.effects = []
    driver.pass(1_000)
    driver.hear('device', { route: 'state', id: 'pi', empty: true })
    expect(driver.published('state')).toMatchObject([{ online: true }])
  })

  it('contradicts a death notice of its own', () => {
    const driver = new Driver().online()
    const birth = driver.published<{ nonce: string; incarnation: number }>('state').at(-1)
    const body = { ...birth, online: false } as never
    driver.pass(1_000)
    driver.hear('device', { route: 'state', id: 'pi', body })
    expect(driver.published('state')).toMatchObject([{ online: true }])
  })

  it('greets a new reign with a full report, once the reign is durable', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1)] })
    driver.effects = []
    driver.beacon({ term: 2, agent: 'next', nonce: 'n2' })
    expect(driver.take('persist')).toMatchObject([{ change: { highest: { term: 2, agent: 'next' } } }])
    expect(driver.reports()).toMatchObject([
      {
        highestTerm: { term: 2, agent: 'next' },
        inboxSeq: 0,
        full: { part: 0, last: true },
        held: [{ task: 't1' }],
      },
    ])
  })

  it('hands its work over when it is stopped, says goodbye and leaves', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1)] })
    driver.effects = []
    driver.give({ in: 'stop' })
    expect(driver.take('kill')).toHaveLength(1)
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed' } })
    expect(driver.published<DeviceReport>('report')[0]?.results).toMatchObject([{ outcome: 'interrupted' }])
    const farewell = driver.take('publish').find((effect) => effect.message.route === 'state')
    expect(farewell?.message.body).toMatchObject({ online: false })
    driver.give({ in: 'acked', link: 'device', token: farewell?.token ?? 0 })
    expect(driver.take('exit')).toEqual([{ do: 'exit', code: 0 }])
  })

  it('splits a report that would be too large', () => {
    const driver = new Driver().online().settled()
    const small = { ...SPEC, resources: { cpu: '1m', memory: '1' } }
    for (let n = 1; n <= 20; n++) {
      driver.inbox({ seq: n, assign: [assign(n, small)] })
      const result = { exitCode: 0, stdout: 'x'.repeat(20_000) }
      driver.give({ in: 'ended', attempt: attempt(n), end: { outcome: 'succeeded', result } })
    }
    const reports = driver.reports()
    expect(reports.length).toBeGreaterThan(3)
    expect(reports.flatMap((report) => report.results)).toHaveLength(20)
    for (const report of reports) expect(JSON.stringify(report).length).toBeLessThan(256 * 1024)
  })
})

describe('election and office of a lone agent', () => {
  /** Goes through the claim until the beacon is acknowledged. */
  function elect(driver: Driver): Beacon {
    driver.give({ in: 'boot', journal: undefined })
    driver.give({ in: 'link-up', link: 'device' })
    driver.give({ in: 'subscribed', link: 'device', token: driver.take('subscribe')[0]?.token ?? 0 })
    driver.timer('worker/birth')
    driver.pass(1_000)
    driver.published('state')
    driver.timer('election/lease')
    driver.give({ in: 'subscribed', link: 'device', token: driver.take('subscribe')[0]?.token ?? 0 })
    const probe = driver
      .take('publish')
      .find((effect) => effect.message.route === 'state' && effect.token !== undefined)
    driver.pass(1_000)
    driver.give({ in: 'acked', link: 'device', token: probe?.token ?? 0 })
    driver.timer('election/claim')
    driver.give({ in: 'link-up', link: 'seat' })
    const seat = driver.take('subscribe').find((effect) => effect.link === 'seat')
    driver.give({ in: 'subscribed', link: 'seat', token: seat?.token ?? 0 })
    driver.timer('election/read')
    const announced = driver.take('publish').find((effect) => effect.message.route === 'beacon')
    driver.give({ in: 'acked', link: 'seat', token: announced?.token ?? 0 })
    return announced?.message.body as Beacon
  }

  /** Lets the restore run through with no device online. */
  function serve(driver: Driver): Beacon {
    const beacon = elect(driver)
    driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
    driver.timer('coordinator/settle')
    driver.effects = []
    return beacon
  }

  function statuses(driver: Driver): TaskStatus[] {
    driver.timer('coordinator/run')
    driver.timer('coordinator/status')
    return driver.published<TaskStatus>('status')
  }

  it('names its beacon in its will and takes a term above all it has heard of', () => {
    const driver = new Driver('auto')
    const beacon = elect(driver)
    expect(beacon).toMatchObject({ term: 1, agent: 'pi', candidates: ['pi'] })
    const will = driver.take('connect').find((effect) => effect.link === 'seat')?.will
    expect(will?.body).toEqual({ agent: 'pi', nonce: beacon.nonce })
  })

  it('is no candidate when the broker does not let it read what a coordinator must, and says so', () => {
    const driver = new Driver('auto').online(undefined, { candidates: ['pi'] })
    const warm = driver.take('subscribe').at(-1)
    const refused = ['covey/v1/home/tasks/+/spec']
    driver.published('state')
    driver.give({ in: 'subscribed', link: 'device', token: warm?.token ?? 0, refused })
    expect(driver.published('state')).toMatchObject([{ online: true, candidate: 'never' }])
    driver.hear('device', { route: 'death', id: '', body: { agent: 'boss', nonce: 'n1' } })
    driver.timer('election/claim')
    expect(driver.take('connect').filter((effect) => effect.link === 'seat')).toEqual([])
    expect(driver.take('log').find((log) => log.level === 'warn')?.fields?.['remedy']).toContain(
      '--coordinator never',
    )
  })

  it('does not claim the seat while a coordinator lives', () => {
    const driver = new Driver('auto').online(undefined, { candidates: ['pi'] })
    driver.timer('election/claim')
    expect(driver.take('connect').filter((effect) => effect.link === 'seat')).toEqual([])
  })

  it('acts on a death notice only when it names the present beacon', () => {
    const driver = new Driver('auto').online(undefined, { candidates: ['pi'] })
    driver.effects = []
    driver.hear('device', { route: 'death', id: '', body: { agent: 'boss', nonce: 'other' } })
    expect(driver.take('timer').filter((timer) => timer.name === 'election/claim')).toEqual([])
    driver.hear('device', { route: 'death', id: '', body: { agent: 'boss', nonce: 'n1' } })
    expect(driver.take('timer').filter((timer) => timer.name === 'election/claim')).toHaveLength(1)
  })

  it('leaves when it learns of a higher reign, with its will sent', () => {
    const driver = new Driver('auto')
    elect(driver)
    driver.effects = []
    driver.beacon({ term: 5, agent: 'other', nonce: 'n5' })
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('does not leave for a term that a device made up', () => {
    const driver = new Driver('auto')
    serve(driver)
    const body = { incarnation: 1, nonce: 'x-1', seq: 1, inboxSeq: 0, heldDigest: '' }
    const lie = { term: Number.MAX_SAFE_INTEGER, agent: 'zz' }
    driver.hear('seat', { route: 'load', id: 'liar', body: { ...body, highestTerm: lie } })
    expect(driver.take('disconnect')).toEqual([])
    const truth = { term: 40, agent: 'zz' }
    driver.hear('seat', { route: 'load', id: 'other', body: { ...body, highestTerm: truth } })
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('leaves when its own beacon does not come back', () => {
    const driver = new Driver('auto')
    elect(driver)
    for (let beat = 0; beat < 6; beat++) {
      driver.pass(1_000)
      driver.timer('election/beacon')
    }
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('rejects what is no task with code, path and remedy, and clears it', () => {
    const driver = new Driver('auto')
    serve(driver)
    const rejection = {
      code: 'E_UNIT' as const,
      path: '/timeout',
      message: '"1 min" is not a duration',
      remedy: 'write "1m"',
    }
    driver.hear('device', { route: 'spec', id: 'bad', rejection })
    driver.timer('coordinator/status')
    const sent = driver.take('publish').find((effect) => effect.message.route === 'status')
    expect(sent?.message.body).toMatchObject({ state: 'rejected', error: rejection })
    expect(driver.published('spec')).toEqual([])
    driver.give({ in: 'acked', link: 'seat', token: sent?.token ?? 0 })
    expect(driver.published('spec')).toEqual([null])
  })

  it('explains a wait, and refuses other content under a known id while the first stands', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    expect(statuses(driver)).toMatchObject([{ state: 'pending', explanation: 'waits: no device is known' }])
    driver.hear('device', { route: 'spec', id: 't', body: { ...SPEC, priority: 1 } })
    expect(driver.published('spec')).toEqual([SPEC])
  })

  it('rejects a task beyond the number that may wait, and takes one when there is room again', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'config', id: '', body: { pendingTasksMax: 1 } })
    driver.hear('device', { route: 'spec', id: 'one', body: SPEC })
    driver.hear('device', { route: 'spec', id: 'two', body: SPEC })
    const told = Object.fromEntries(statuses(driver).map((status) => [status.task, status]))
    expect(told['one']?.state).toBe('pending')
    expect(told['two']).toMatchObject({ state: 'rejected', error: { code: 'E_PENDING_MAX' } })
    driver.hear('device', { route: 'spec', id: 'one', body: { withdraw: true } })
    driver.hear('device', { route: 'spec', id: 'three', body: SPEC })
    expect(statuses(driver).find((status) => status.task === 'three')?.state).toBe('pending')
  })

  /** A device that joins: its birth, and its first report. */
  function join(driver: Driver, id: string, inboxSeq = 0): void {
    const device = { incarnation: 1, nonce: `${id}-1`, online: true, labels: {}, executors: ['exec'] }
    const body = { ...device, capacity: { cpu: '8', memory: '8Gi' }, candidate: 'never', version: '1' }
    driver.hear('device', { route: 'state', id, body })
    report(driver, id, inboxSeq)
  }

  function report(driver: Driver, id: string, inboxSeq: number, held: unknown[] = []): void {
    const full = { id: 1, part: 0, last: true }
    const head = { incarnation: 1, nonce: `${id}-1`, highestTerm: { term: 1, agent: 'pi' }, inboxSeq, full }
    driver.hear('seat', { route: 'report', id, body: { ...head, held, rejected: [], results: [] } })
  }

  function inboxes(driver: Driver): Inbox[] {
    driver.timer('coordinator/run')
    driver.timer('coordinator/inbox')
    return driver.published<Inbox>('inbox')
  }

  it('places work on a device that reports, and nothing on one that was cordoned before it joined', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'desired', id: 'closed', body: { cordon: true } })
    join(driver, 'closed')
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    expect(inboxes(driver)).toEqual([])
    expect(statuses(driver).at(-1)?.explanation).toBe('waits: 1 of 1 devices are cordoned')
    join(driver, 'open')
    expect(inboxes(driver)).toMatchObject([{ seq: 1, assign: [{ task: 't' }] }])
  })

  it('moves work away from a device that is to be drained, also work that comes to light later', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'desired', id: 'd', body: { drain: true } })
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    const early = { attempt: { term: 1, agent: 'old', n: 1 }, task: 't', phase: 'running' }
    report(driver, 'd', 0, [early])
    driver.timer('coordinator/tick')
    expect(inboxes(driver)).toMatchObject([{ revoke: [early.attempt] }])
  })

  it('counts on in the inbox of a device whose state was cleared and that came back', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 'one', body: SPEC })
    expect(inboxes(driver).map((inbox) => inbox.seq)).toEqual([1])
    driver.hear('device', { route: 'state', id: 'd', empty: true })
    join(driver, 'd', 1)
    driver.hear('device', { route: 'spec', id: 'two', body: SPEC })
    const later = inboxes(driver)
    expect(Math.min(...later.map((inbox) => inbox.seq))).toBeGreaterThan(1)
    expect(later.flatMap((inbox) => inbox.assign.map(({ task }) => task)).sort()).toEqual(['one', 'two'])
  })

  it('leaves a device alone for longer with every refusal, and says what it said', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    const [inbox] = inboxes(driver)
    const error = { code: 'E_JOURNAL', message: 'the disk is full' }
    const rejected = [{ attempt: inbox?.assign[0]?.attempt, task: 't', error }]
    const head = { incarnation: 1, nonce: 'd-1', highestTerm: { term: 1, agent: 'pi' }, inboxSeq: 1 }
    driver.hear('seat', { route: 'report', id: 'd', body: { ...head, held: [], rejected, results: [] } })
    driver.timer('coordinator/run')
    expect(statuses(driver).at(-1)).toMatchObject({
      state: 'pending',
      attempts: 0,
      error,
      explanation: 'waits: 1 of 1 devices are refusing work (the disk is full)',
    })
  })

  it('ends a withdrawn unknown task as cancelled', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'spec', id: 'ghost', body: { withdraw: true } })
    expect(statuses(driver)).toMatchObject([{ task: 'ghost', state: 'cancelled' }])
  })
})
