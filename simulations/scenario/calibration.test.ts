import { describe, expect, it } from 'vitest'
import type { Machine } from '../world.ts'
import { CALIBRATION_VERSION, type Calibration, machineOf, readCalibration } from './calibration.ts'
import { parseScenario } from './parse.ts'
import { runScenario } from './run.ts'

const CALIBRATION: Calibration = {
  version: CALIBRATION_VERSION,
  ...{ scenario: 's', broker: 'covey', devices: 20, hosts: 2 },
  ...{ linkMs: 0.1, linkJitterMs: 0.2, brokerPacketUs: 50, hostPacketUs: 100 },
  ...{ brokerStoreMsMin: 0.5, brokerStoreMsMax: 0.7 },
  ...{ diskSyncMsMin: 1, diskSyncMsMax: 2, processStartMsMin: 3, processStartMsMax: 4 },
}

const SCENARIO = parseScenario(
  `name: mine
about: Twenty devices
duration: 20s
fleet: [{ class: pi, count: 20, capacity: { cpu: 2, memory: 1Gi } }]
tasks: [{ class: work, arrive: [{ pattern: steady, rate: 5 }], run: { mean: 1s } }]
expect: { lost: 0 }
`,
  'mine',
)

async function ended(machine?: Machine): Promise<{ p50: number; hash: string | undefined }> {
  const options = { seed: '7', command: 'none' }
  const report = await runScenario(SCENARIO, machine === undefined ? options : { ...options, machine })
  expect(report.violations).toEqual([])
  expect(report.totals.ended).toEqual({ succeeded: 100 })
  return { p50: report.latency.ended.p50 as number, hash: report.hash }
}

describe('a calibration', () => {
  it('is read as it was written', () => {
    const read = readCalibration(JSON.stringify(CALIBRATION), 'c.json')
    expect(machineOf(read)).toEqual({
      latency: { baseMs: 0.1, jitterMs: 0.2 },
      ...{ brokerPacketUs: 50, hostPacketUs: 100, hosts: 2 },
      brokerStoreMs: { min: 0.5, max: 0.7 },
      ...{ diskSyncMs: { min: 1, max: 2 }, processStartMs: { min: 3, max: 4 } },
    })
  })

  it.each([
    ['c.json is no calibration: ', '{'],
    ['its version is undefined, not 1', 'null'],
    ['its version is 2, not 1', JSON.stringify({ ...CALIBRATION, version: 2 })],
    ['linkMs is -1, not a number from 0', JSON.stringify({ ...CALIBRATION, linkMs: -1 })],
    ['hosts is no count', JSON.stringify({ ...CALIBRATION, hosts: 0 })],
  ])('is refused: %s', (message, text) => {
    expect(() => readCalibration(text, 'c.json')).toThrow(message)
  })

  it('makes a run as slow as its machine, and the same each time', async () => {
    const quick = machineOf(CALIBRATION)
    const first = await ended(quick)
    expect(await ended(quick)).toEqual(first)
    const disk = await ended({ ...quick, diskSyncMs: { min: 101, max: 102 } })
    const start = await ended({ ...quick, processStartMs: { min: 103, max: 104 } })
    const broker = await ended({ ...quick, brokerPacketUs: 5_000 })
    const host = await ended({ ...quick, hostPacketUs: 5_000 })
    // A task is journaled before it starts and when it has ended.
    expect(disk.p50).toBeGreaterThan(first.p50 + 190)
    expect(start.p50).toBeGreaterThan(first.p50 + 95)
    expect(broker.p50).toBeGreaterThan(first.p50 + 15)
    expect(host.p50).toBeGreaterThan(first.p50 + 15)
  })
})
