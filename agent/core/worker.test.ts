/** The worker's part of one agent, driven by hand through the agent's front door. */
import { describe, expect, it } from 'vitest'
import type { DeviceReport, DeviceState } from '../../shared/protocol/schemas/index.ts'
import { assign, attempt, Driver, SPEC } from './testing/driver.ts'

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

  it('refuses kinds of work and functions that the device has not', () => {
    const driver = new Driver('never', { executors: ['exec', 'function'], functions: ['add'] })
      .online()
      .settled()
    const runs = [{ function: 'add' }, { function: 'sub' }, { container: { image: 'alpine' } }]
    driver.inbox({
      assign: runs.map((run, i) => assign(i + 1, { ...SPEC, run, resources: { cpu: '100m' } })),
    })
    expect(driver.take('run').map(({ task }) => task)).toEqual(['t1'])
    expect(driver.reports()[0]?.rejected).toMatchObject([
      { task: 't2', error: { code: 'E_NO_FUNCTION', message: 'the device has no function "sub"' } },
      { task: 't3', error: { code: 'E_EXECUTOR' } },
    ])
  })

  it('publishes the functions that it has, and nothing of them when it has none', () => {
    const states = (driver: Driver) => driver.online().published<DeviceState>('state')
    expect(states(new Driver('never', { functions: ['add'] }))[0]?.functions).toEqual(['add'])
    expect(states(new Driver())[0]).not.toHaveProperty('functions')
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
