/** Checkpoints on a device: from an attempt to the journal and into reports, and back to the next attempt. */
import { describe, expect, it } from 'vitest'
import { CHECKPOINT_BYTES_MAX } from '../../shared/model/checkpoint.ts'
import type { JournalEntry } from '../../shared/ports.ts'
import type { AttemptResult, Checkpoint } from '../../shared/protocol/schemas/index.ts'
import { assign, attempt, Driver, SPEC } from './testing/driver.ts'

const publish = (driver: Driver, n: number, value: unknown) =>
  driver.give({ in: 'checkpoint', attempt: attempt(n), value })
const checkpoint = (n: number, value: unknown, seq = 1): Checkpoint => ({ attempt: attempt(n), seq, value })
const kept = (driver: Driver): JournalEntry | undefined => driver.take('persist').at(-1)?.change.put

describe('a device', () => {
  it('journals what an attempt publishes, tells it once, and again in a full report', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1)] })
    driver.give({ in: 'started', attempt: attempt(1), pid: 7 })
    driver.reports()
    publish(driver, 1, 'one')
    publish(driver, 1, { two: 2 })
    expect(kept(driver)).toMatchObject({ pid: 7, checkpoint: checkpoint(1, { two: 2 }, 2) })
    expect(driver.reports().flatMap(({ held }) => held)).toMatchObject([
      { checkpoint: checkpoint(1, { two: 2 }, 2) },
    ])
    driver.inbox({ seq: 2, revoke: [attempt(1)] })
    expect(driver.reports()[0]?.held[0]).not.toHaveProperty('checkpoint')
    driver.inbox({ seq: 3, full: true })
    expect(driver.reports()[0]?.held).toMatchObject([{ checkpoint: checkpoint(1, { two: 2 }, 2) }])
  })

  it('tells what its disk does not take, and numbers what an attempt publishes from 1 on', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [{ ...assign(2), checkpoint: checkpoint(1, 'before', 7) }] })
    publish(driver, 2, 'kept')
    expect(driver.reports()[0]?.held).toMatchObject([{ checkpoint: checkpoint(2, 'kept', 1) }])
    driver.breakJournal()
    publish(driver, 2, 'not kept')
    expect(driver.take('log').at(-1)).toMatchObject({ message: 'the journal does not keep a checkpoint' })
    expect(driver.reports()[0]?.held).toMatchObject([{ checkpoint: checkpoint(2, 'not kept', 2) }])
    driver.give({ in: 'ended', attempt: attempt(2), end: { outcome: 'failed' } })
    expect(driver.reports()[0]?.results).toMatchObject([{ checkpoint: checkpoint(2, 'not kept', 2) }])
  })

  it('takes none that is too large, and none of what it does not run', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1)] })
    publish(driver, 1, 'x'.repeat(CHECKPOINT_BYTES_MAX - 2))
    driver.effects = []
    publish(driver, 1, 'x'.repeat(CHECKPOINT_BYTES_MAX - 1))
    publish(driver, 2, 'of nobody')
    expect(driver.take('persist')).toEqual([])
    expect(driver.take('log')).toMatchObject([
      { level: 'warn', fields: { bytes: CHECKPOINT_BYTES_MAX + 1, bytesMax: CHECKPOINT_BYTES_MAX } },
    ])
    expect(driver.reports()[0]?.held[0]?.checkpoint?.value).toHaveLength(CHECKPOINT_BYTES_MAX - 2)
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed' } })
    publish(driver, 1, 'too late')
    expect(driver.reports()[0]?.results[0]?.checkpoint?.value).not.toBe('too late')
  })

  it('gives an attempt what it is to go on from, and passes that on until there is something newer', () => {
    const driver = new Driver().online().settled()
    const given = checkpoint(1, 'before')
    driver.inbox({ assign: [{ ...assign(2), checkpoint: given }, assign(3)] })
    expect(driver.take('run').map((run) => run.checkpoint)).toEqual([given, undefined])
    driver.inbox({ seq: 2, full: true })
    expect(driver.reports()[0]?.held.map((held) => held.checkpoint)).toEqual([given, undefined])
    driver.give({ in: 'ended', attempt: attempt(2), end: { outcome: 'failed' } })
    expect(driver.reports()[0]?.results).toMatchObject([{ outcome: 'failed', checkpoint: given }])
  })

  it('takes what is published within the grace, and needs none of what has succeeded', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ assign: [assign(1), assign(2)] })
    driver.inbox({ seq: 2, revoke: [attempt(1)] })
    publish(driver, 1, 'last words')
    publish(driver, 2, 'nearly there')
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'failed' } })
    driver.give({ in: 'ended', attempt: attempt(2), end: { outcome: 'succeeded' } })
    const results = driver.reports().flatMap((report) => report.results)
    expect(results).toMatchObject([
      { outcome: 'revoked', checkpoint: { value: 'last words' } },
      { outcome: 'succeeded' },
    ])
    expect(results[1]).not.toHaveProperty('checkpoint')
  })

  it('tells of an attempt that its restart has interrupted what its journal holds', () => {
    const entry = { attempt: attempt(1), task: 't1', spec: SPEC, checkpoint: checkpoint(1, 'kept') }
    const journal = { incarnation: 1, highest: { term: 1, agent: 'boss' }, entries: [entry] }
    const driver = new Driver().online(journal)
    expect(driver.published<{ results: AttemptResult[] }>('report').at(-1)?.results).toMatchObject([
      { outcome: 'interrupted', checkpoint: checkpoint(1, 'kept') },
    ])
  })

  it('splits reports by what checkpoints take in them', () => {
    const driver = new Driver('never', { capacity: { cpu: '100' } }).online().settled()
    const spec = { ...SPEC, resources: { cpu: '1', memory: 0 } }
    driver.inbox({ assign: Array.from({ length: 10 }, (_, n) => assign(n + 1, spec)) })
    for (let n = 1; n <= 10; n++) publish(driver, n, '"'.repeat(CHECKPOINT_BYTES_MAX / 2 - 1))
    const parts = driver.reports()
    expect(parts.flatMap(({ held }) => held)).toHaveLength(10)
    expect(parts.length).toBeGreaterThan(2)
    for (const part of parts) expect(JSON.stringify(part).length).toBeLessThan(64 * 1024)
  })
})
