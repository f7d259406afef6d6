import { describe, expect, it } from 'vitest'
import { isSound, type LiveResult } from '../bench/live.ts'
import { LIVE_BROKERS } from '../simulations/live/feasible.ts'
import type { SimReport } from '../simulations/report/model.ts'
import { sampleReport } from '../simulations/report/testing/sample.ts'

const times = { count: 9, p50: 10, p95: 20, p99: 30, max: 40 }
const SOUND = { partial: false, violations: [], failoverMs: times, rerouteMs: times }

/** A benchmark of which only the live runs differ from sound ones. */
function resultWith(instead: Partial<SimReport>): LiveResult {
  const report = (more: Partial<SimReport>): SimReport => {
    const { totals, latency } = sampleReport()
    const sound = {
      totals: { ...totals, lost: 0, endedTwice: 0 },
      latency: { ...latency, placed: times, ended: times },
    }
    return sampleReport({}, { ...SOUND, ...sound, ...more })
  }
  const comparisons = LIVE_BROKERS.map((broker) => ({
    broker,
    calibration: {} as LiveResult['comparisons'][number]['calibration'],
    live: report(instead),
    simulated: report({}),
  }))
  return { size: { devices: 1, workers: 1, startSeconds: 1, busySeconds: 1 }, comparisons }
}

describe('the benchmark of live runs', () => {
  it('is sound when every run is and all times are near each other', () => {
    expect(isSound(resultWith({}))).toBe(true)
  })

  it.each<[string, Partial<SimReport>]>([
    ['a time is beyond its factor', { failoverMs: { ...times, p99: 61 } }],
    ['a time is missing', { rerouteMs: { ...times, count: 0, p50: null, p99: null } }],
    ['a task is lost', { totals: { ...sampleReport().totals, lost: 1 } }],
    ['a run was interrupted', { partial: true }],
  ])('fails when %s', (_, instead) => {
    expect(isSound(resultWith(instead))).toBe(false)
  })

  it('fails when a broker was not compared', () => {
    const { size, comparisons } = resultWith({})
    expect(isSound({ size, comparisons: comparisons.slice(1) })).toBe(false)
  })
})
