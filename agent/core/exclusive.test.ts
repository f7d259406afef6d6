/** Exclusive work and its leases, on both sides, driven by hand. */
import { describe, expect, it } from 'vitest'
import type { Beacon, Inbox, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { assign, attempt, Driver, SPEC } from './testing/driver.ts'
import { inboxes, join, report, serve } from './testing/office.ts'

const EXCLUSIVE = { ...SPEC, exclusive: true, timeout: '1h' }
const LEASE_MS = 10_000
const leased = (n: number) => ({ ...assign(n, EXCLUSIVE), leaseMs: LEASE_MS })

describe('exclusive work on a device', () => {
  /** The device sends a heartbeat. @returns its number, and the connection it went out on */
  function beat(driver: Driver): { ackSeq: number; ackNonce: string } {
    driver.give({ in: 'measured', load: {} })
    const load = driver.published<{ seq: number; nonce: string }>('load').at(-1)
    return { ackSeq: load?.seq ?? 0, ackNonce: load?.nonce ?? '' }
  }

  function running(): Driver {
    const driver = new Driver().online().settled()
    driver.inbox({ seq: 1, ...beat(driver), assign: [leased(1)] })
    return driver
  }

  const outcome = (driver: Driver) => {
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed' } })
    return driver
      .reports()
      .flatMap((one) => one.results.map((result) => [result.outcome, result.error?.code]))
  }

  it('begins under a lease that counts from when the heartbeat was sent', () => {
    const driver = new Driver().online().settled()
    const sent = driver.now
    const heard = beat(driver)
    driver.pass(4_000)
    driver.inbox({ seq: 1, ...heard, assign: [leased(1)] })
    expect(driver.take('run')).toMatchObject([{ lease: { from: sent, leaseMs: LEASE_MS } }])
    expect(driver.take('timer')).toContainEqual({ do: 'timer', name: 'worker/lease', delayMs: 6_000 })
  })

  it.each([
    ['no heartbeat was heard', (driver: Driver) => driver.inbox({ assign: [leased(1)] })],
    [
      'the heartbeat that was heard is too old',
      (driver: Driver) => {
        const heard = beat(driver)
        driver.pass(LEASE_MS)
        driver.inbox({ ...heard, assign: [leased(1)] })
      },
    ],
    [
      'the heartbeat was sent on an earlier connection',
      (driver: Driver) => {
        const heard = beat(driver)
        driver.give({ in: 'link-down', link: 'device', reason: 'cut' })
        driver.timer('worker/connect')
        driver.reconnect()
        driver.inbox({ ...heard, assign: [leased(1)] })
      },
    ],
    [
      'no lease came with it',
      (driver: Driver) => {
        driver.inbox({ ...beat(driver), assign: [assign(1, EXCLUSIVE)] })
      },
    ],
  ])('is refused when %s', (_, tell) => {
    const driver = new Driver().online().settled()
    tell(driver)
    expect(driver.take('run')).toEqual([])
    expect(driver.reports().flatMap((one) => one.rejected)).toMatchObject([{ error: { code: 'E_LEASE' } }])
  })

  it('is ended without grace when its lease is over, and told as lost', () => {
    const driver = running()
    driver.pass(LEASE_MS)
    driver.timer('worker/lease')
    expect(driver.take('kill')).toMatchObject([{ attempt: attempt(1), graceMs: 0 }])
    driver.timer('worker/lease')
    expect(driver.take('kill')).toEqual([])
    expect(outcome(driver)).toEqual([['interrupted', 'E_LEASE']])
  })

  it('goes on while its heartbeats are heard', () => {
    const driver = running()
    for (let beats = 0; beats < 3; beats++) {
      driver.pass(6_000)
      const from = driver.now
      driver.inbox({ seq: 2 + beats, ...beat(driver) })
      expect(driver.take('lease')).toEqual([{ do: 'lease', from }])
      driver.timer('worker/lease')
      expect(driver.take('kill')).toEqual([])
    }
  })

  it('does not come back by what is heard after its lease, though nobody had looked at the clock', () => {
    const driver = running()
    driver.pass(LEASE_MS + 1)
    driver.inbox({ seq: 2, ...beat(driver) })
    expect(driver.take('kill')).toMatchObject([{ attempt: attempt(1), graceMs: 0 }])
  })

  it.each([
    ['went on while the device slept', LEASE_MS],
    ['was set forward', 3_600_000],
    ['was set back, so that it cannot show a sleep', -5_000],
  ])('is ended when the wall clock %s', (_, ms) => {
    const driver = running()
    driver.now = { ...driver.now, wallMs: driver.now.wallMs + ms }
    driver.timer('worker/heartbeat')
    expect(driver.take('kill')).toHaveLength(1)
  })

  it('does not begin when its lease ends while the journal writes', () => {
    const driver = new Driver().online().settled()
    driver.slowJournal()
    driver.inbox({ seq: 1, ...beat(driver), assign: [leased(1)] })
    driver.pass(LEASE_MS)
    driver.finishJournal()
    expect(driver.take('run')).toEqual([])
    expect(driver.reports().flatMap((one) => one.results)).toMatchObject([{ outcome: 'interrupted' }])
  })

  it('is told as lost when the guard ended it, and as failed when it failed', () => {
    const late = running()
    late.pass(LEASE_MS)
    expect(outcome(late)).toEqual([['interrupted', 'E_LEASE']])
    const told = running()
    told.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed', lapsed: true } })
    expect(told.reports().flatMap((one) => one.results)).toMatchObject([{ outcome: 'interrupted' }])
    expect(outcome(running())).toEqual([['failed', undefined]])
  })
})

describe('exclusive work in office', () => {
  const REIGN = { term: 1, agent: 'pi' }
  const QUIET_MS = 12_200

  function serving(): Driver {
    const driver = new Driver('auto')
    serve(driver)
    return driver
  }

  function load(driver: Driver, id: string, seq: number, inboxSeq: number): void {
    const head = { incarnation: 1, nonce: `${id}-1`, highestTerm: REIGN }
    driver.hear('seat', { route: 'load', id, body: { ...head, seq, inboxSeq, heldDigest: '?' } })
  }

  /** Sends what statuses wait, and has the broker acknowledge them. */
  function acknowledge(driver: Driver): TaskStatus[] {
    driver.timer('coordinator/run')
    driver.timer('coordinator/status')
    const sent = driver.take('publish').filter((effect) => effect.message.route === 'status')
    for (const { token } of sent) driver.give({ in: 'acked', link: 'seat', token: token ?? 0 })
    return sent.map((effect) => effect.message.body as TaskStatus)
  }

  /** Nobody is heard. */
  function silence(driver: Driver, seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      driver.pass(1_000)
      driver.timer('coordinator/tick')
    }
  }

  /** The task is running on device `d`, whose heartbeat 1 was heard last. */
  function placed(driver = serving()): Driver {
    driver.pass(QUIET_MS)
    driver.timer('coordinator/tick')
    join(driver, 'd')
    load(driver, 'd', 1, 0)
    driver.hear('device', { route: 'spec', id: 't', body: EXCLUSIVE })
    acknowledge(driver)
    expect(inboxes(driver).flatMap((inbox) => inbox.assign)).toMatchObject([{ task: 't', leaseMs: LEASE_MS }])
    return driver
  }

  const first = { attempt: { ...REIGN, n: 1 }, task: 't', phase: 'running', leaseMs: LEASE_MS }
  const assigned = (driver: Driver) =>
    inboxes(driver).flatMap((inbox) => inbox.assign.map(({ task }) => task))

  it('begins only when what an earlier coordinator began must be over', () => {
    const driver = serving()
    join(driver, 'd')
    load(driver, 'd', 1, 0)
    driver.hear('device', { route: 'spec', id: 't', body: EXCLUSIVE })
    expect(acknowledge(driver).at(-1)?.explanation).toMatch(/^exclusive: waits/)
    driver.pass(QUIET_MS - 1)
    driver.timer('coordinator/due')
    expect(acknowledge(driver)).toEqual([])
    driver.pass(1)
    driver.timer('coordinator/due')
    expect(acknowledge(driver)).toMatchObject([{ state: 'assigned', leaseMs: LEASE_MS }])
    expect(assigned(driver)).toEqual(['t'])
  })

  const EARLIER = {
    term: 3,
    agent: 'old',
    nonce: 'n3',
    intervalMs: 1_000,
    heartbeatMs: 10_000,
    candidates: [],
  }
  const held = { attempt: { term: 0, agent: 'old', n: 9 }, task: 'ghost', phase: 'running' }
  it.each([
    ['as its beacon said', (driver: Driver) => serve(driver, { ...EARLIER, leaseMs: 50_000 })],
    ['by the heartbeats of its beacon', (driver: Driver) => serve(driver, EARLIER)],
    [
      'as a device reports',
      (driver: Driver) => {
        serve(driver)
        join(driver, 'd')
        report(driver, 'd', 0, [{ ...held, leaseMs: 50_000 }])
        driver.hear('device', { route: 'state', id: 'd', empty: true })
      },
    ],
    [
      'as a status tells',
      (driver: Driver) => {
        serve(driver)
        const counts = { attempts: 1, failed: 0, lost: 0 }
        const where = {
          state: 'running',
          digest: '',
          term: 0,
          agent: 'old',
          attempt: held.attempt,
          device: 'd',
        }
        const body = { task: 'ghost', ...where, leaseMs: 50_000, ...counts, explanation: '', times: {} }
        driver.hear('device', { route: 'status', id: 'ghost', body })
      },
    ],
  ])('waits for the longest lease that an earlier coordinator gave, %s', (_, known) => {
    const driver = new Driver('auto')
    known(driver)
    driver.hear('device', { route: 'spec', id: 't', body: EXCLUSIVE })
    const why = () => acknowledge(driver).findLast(({ task }) => task === 't')?.explanation
    expect(why()).toMatch(/^exclusive: waits/)
    driver.pass(52_999)
    driver.timer('coordinator/due')
    driver.hear('device', { route: 'spec', id: 't', body: { ...EXCLUSIVE, priority: 1 } })
    expect(why()).toMatch(/^exclusive: waits/)
    driver.pass(1)
    driver.timer('coordinator/due')
    driver.hear('device', { route: 'spec', id: 't', body: { ...EXCLUSIVE, priority: 2 } })
    expect(why()).toBe('waits: no device is known')
  })

  /** What the next beacon says, when its own has come back until now. */
  function told(
    driver: Driver,
    own: Beacon,
  ): readonly [heartbeatMs: number | undefined, leaseMs: number | undefined] {
    driver.beacon(own)
    driver.timer('coordinator/tick')
    driver.timer('election/beacon')
    const beacon = driver.published<Beacon>('beacon').at(-1)
    return [beacon?.heartbeatMs, beacon?.leaseMs]
  }

  it('has its coordinator tell the longest lease, its own or an earlier one that may still run', () => {
    const driver = new Driver('auto')
    const own = serve(driver, EARLIER)
    expect(own.leaseMs).toBe(50_000)
    expect(told(driver, own)).toEqual([1_000, 50_000])
    driver.pass(53_000)
    expect(told(driver, own)).toEqual([1_000, LEASE_MS])
  })

  it('keeps heartbeats so frequent that a shorter lease outlasts five, while the fleet grows', () => {
    const driver = new Driver('auto')
    const own = serve(driver)
    placed(driver)
    for (let n = 0; n < 2_999; n++) join(driver, `d${n}`)
    expect(told(driver, own)).toEqual([2_000, 15_000])
    const head = { incarnation: 1, nonce: 'd-1', highestTerm: REIGN, inboxSeq: 1, held: [], rejected: [] }
    const results = [{ attempt: first.attempt, task: 't', outcome: 'succeeded' }]
    driver.hear('seat', { route: 'report', id: 'd', body: { ...head, results } })
    expect(told(driver, own)).toEqual([3_000, 15_000])
  })

  it('is sent when its status is with the broker and its device was heard, with the echo', () => {
    const driver = serving()
    driver.pass(QUIET_MS)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 't', body: EXCLUSIVE })
    driver.timer('coordinator/run')
    expect(assigned(driver)).toEqual([])
    acknowledge(driver)
    expect(assigned(driver)).toEqual([])
    load(driver, 'd', 7, 0)
    expect(inboxes(driver)).toMatchObject([{ ackSeq: 7, ackNonce: 'd-1', assign: [{ task: 't' }] }])
    load(driver, 'd', 8, 1)
    expect(inboxes(driver)).toMatchObject([{ ackSeq: 8, assign: [] }])
  })

  it('stays where it is while its device is away, and goes elsewhere when its lease must be over', () => {
    const driver = placed()
    silence(driver, 6)
    join(driver, 'e')
    load(driver, 'e', 1, 0)
    expect(acknowledge(driver).at(-1)?.explanation).toContain('placed again when its lease is over')
    driver.pass(QUIET_MS - 6_001)
    driver.timer('coordinator/due')
    acknowledge(driver)
    expect(assigned(driver)).toEqual([])
    driver.pass(1)
    load(driver, 'e', 2, 0)
    driver.timer('coordinator/due')
    acknowledge(driver)
    expect(assigned(driver)).toEqual(['t'])
  })

  it('is echoed to a device that came back only when it is known what that holds', () => {
    const driver = placed()
    silence(driver, 6)
    inboxes(driver)
    load(driver, 'd', 2, 1)
    expect(inboxes(driver).map((inbox) => [inbox.full, inbox.ackSeq])).toEqual([[true, undefined]])
    report(driver, 'd', 2, [first])
    load(driver, 'd', 3, 2)
    expect(inboxes(driver).map((inbox: Inbox) => inbox.ackSeq)).toEqual([3])
    driver.pass(QUIET_MS - 6_000)
    load(driver, 'd', 4, 3)
    driver.timer('coordinator/due')
    expect(acknowledge(driver).filter(({ state }) => state === 'pending')).toEqual([])
  })

  it('goes elsewhere at once when its device says that it has not got it', () => {
    const driver = placed()
    join(driver, 'e')
    load(driver, 'e', 1, 0)
    report(driver, 'd', 1)
    driver.timer('coordinator/run')
    acknowledge(driver)
    expect(inboxes(driver).flatMap((inbox) => inbox.assign)).toMatchObject([{ attempt: { n: 2 } }])
  })

  it('is not prolonged beside an exclusive attempt of no known task, nor begun there, until that is gone', () => {
    const driver = placed()
    const stray = {
      attempt: { term: 1, agent: 'old', n: 9 },
      task: 'ghost',
      phase: 'running',
      leaseMs: LEASE_MS,
    }
    report(driver, 'd', 1, [first, stray])
    expect(inboxes(driver)).toMatchObject([{ revoke: [stray.attempt] }])
    load(driver, 'd', 2, 2)
    expect(inboxes(driver)).toEqual([])
    driver.hear('device', { route: 'spec', id: 'u', body: EXCLUSIVE })
    acknowledge(driver)
    expect(inboxes(driver)).toEqual([])
    report(driver, 'd', 2, [first])
    load(driver, 'd', 3, 2)
    expect(inboxes(driver)).toMatchObject([{ ackSeq: 3, assign: [{ task: 'u' }] }])
  })

  it('is not prolonged by heartbeats when all that the device holds is of no known task', () => {
    const driver = serving()
    join(driver, 'd')
    const stray = {
      attempt: { term: 1, agent: 'old', n: 9 },
      task: 'ghost',
      phase: 'running',
      leaseMs: LEASE_MS,
    }
    report(driver, 'd', 0, [stray])
    inboxes(driver)
    load(driver, 'd', 2, 1)
    expect(inboxes(driver)).toEqual([])
  })

  it('is not sent when the broker acknowledges a status of an earlier task of the id', () => {
    const driver = placed()
    const head = { incarnation: 1, nonce: 'd-1', highestTerm: REIGN, inboxSeq: 1, held: [], rejected: [] }
    const results = [{ attempt: first.attempt, task: 't', outcome: 'succeeded' }]
    driver.hear('seat', { route: 'report', id: 'd', body: { ...head, results } })
    acknowledge(driver)
    driver.hear('device', { route: 'spec', id: 't', body: { ...EXCLUSIVE, priority: 1 } })
    driver.timer('coordinator/status')
    const [late] = driver.take('publish').filter(({ message }) => message.route === 'status')
    driver.pass(3_600_000)
    driver.timer('coordinator/due')
    load(driver, 'd', 2, 1)
    inboxes(driver)
    driver.hear('device', { route: 'spec', id: 't', body: EXCLUSIVE })
    driver.timer('coordinator/run')
    driver.give({ in: 'acked', link: 'seat', token: late?.token ?? 0 })
    expect(assigned(driver)).toEqual([])
    acknowledge(driver)
    expect(assigned(driver)).toEqual(['t'])
  })
})
