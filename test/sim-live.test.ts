/** `covey sim live` as users start it: nothing is lost on either broker, and nothing remains however it ends. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listProcesses, readEnvironment } from '../agent/shell/process-table.ts'
import type { SimReport } from '../simulations/report/model.ts'
import { readCalibration } from '../simulations/scenario/calibration.ts'
import { nothingRemains, type Running, startCovey } from './covey-program.ts'
import { enoughTime } from './enough-time.ts'
import { BROKERS, COVEY } from './mesh/brokers.ts'

const SCENARIO = `name: small
about: Twenty devices, some of which die, the coordinator too
duration: 7s
settle: 60s
fleet:
  - { class: pi, count: 20, capacity: { cpu: 2, memory: 1Gi } }
tasks:
  - class: work
    arrive: [{ pattern: steady, rate: 5 }]
    run: { mean: 2s }
    resources: { cpu: 500m }
  - class: bad
    arrive: [{ pattern: burst, count: 3, from: 2s }]
    run: { mean: 100ms }
    fails: 1
  - class: many
    arrive: [{ pattern: burst, count: 1, from: 6s }]
    array: 6
    run: { mean: 200ms }
faults:
  - { kind: crash, at: 3s, duration: 1s, targets: coordinator }
  - { kind: crash, at: 4s, duration: 2s, targets: { count: 10 } }
  - { kind: leave, at: 5s, duration: 1s, targets: { count: 1 } }
expect: { lost: 0, endedTwice: 0, unfinished: 0, violations: 0, ended.failed: 3 }
`

/** What a calibration has found whenever there was something to measure. */
const MEASURED = ['brokerPacketUs', 'hostPacketUs', 'linkMs', 'diskSyncMsMax', 'processStartMsMax'] as const

/** The same with longer seconds, for a machine that is slow. */
const slowed = (secondMs: number): string =>
  SCENARIO.replace(/\b(\d+)s\b/g, (_, seconds) => `${Number(seconds) * secondMs}ms`).replace(
    'rate: 5',
    `rate: ${5_000 / secondMs}`,
  )

let root: string
/** The run's idea of the system's folder for temporary files. */
let temporary: string
const children: ChildProcess[] = []

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'covey-live-test-')))
  temporary = join(root, 'tmp')
  mkdirSync(temporary)
  writeFileSync(join(root, 'small.yaml'), SCENARIO)
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await nothingRemains(temporary)
  rmSync(root, { recursive: true })
})

function live(...words: string[]): Running {
  const running = startCovey(['sim', 'live', 'small.yaml', '--json', ...words], root, temporary)
  children.push(running.child)
  return running
}

describe.each(BROKERS)('a live run on $kind', (broker) => {
  it.skipIf(!broker.available)('ends every task once although devices and the coordinator die', async () => {
    const variant = broker.kind === 'embedded' ? 'covey' : broker.kind
    const { report, calibration } = await enoughTime(
      async (secondMs) => {
        writeFileSync(join(root, 'small.yaml'), slowed(secondMs))
        const run = live('--seed', '7', '--variant', variant, '--report', 'page.html', '--calibrate', 'c')
        const code = await run.exit
        const report = JSON.parse(run.out) as SimReport
        expect(report.violations).toEqual([])
        expect(report.expectations.filter(({ met }) => !met)).toEqual([])
        expect([code, run.err]).toEqual([0, expect.not.stringContaining('E_')])
        expect(report).toMatchObject({ mode: 'live', devices: 20, partial: false })
        expect(report.totals).toMatchObject({
          ...{ submitted: 39, receipted: 39, lost: 0, endedTwice: 0, unfinished: 0, faults: 3 },
          ended: { succeeded: 36, failed: 3 },
        })
        const calibration = readCalibration(readFileSync(join(root, 'c'), 'utf8'), 'c')
        return { report, calibration }
      },
      // The faults met a mesh that was at work, and something was heard of it every now and then.
      ({ report: { totals, rerouteMs, series }, calibration }) =>
        totals.terms > 1 &&
        rerouteMs.count > 0 &&
        Math.min(...series.devicesUp.slice(2)) < 12 &&
        MEASURED.every((name) => calibration[name] > 0),
      [1_000, 2_500, 5_000],
    )
    const { totals } = report
    expect(totals.terms).toBeGreaterThan(1)
    expect(totals.reroutes).toBeGreaterThan(0)
    expect(report.failoverMs.count).toBeGreaterThan(0)
    // Of one that nobody has seen to run where it was lost there is no time.
    expect(report.rerouteMs.count).toBeGreaterThan(0)
    expect(report.rerouteMs.count).toBeLessThanOrEqual(totals.reroutes)
    expect(report.latency.ended.count).toBe(39)
    expect(Math.max(...report.series.devicesUp)).toBe(20)
    expect(Math.min(...report.series.devicesUp.slice(2))).toBeLessThan(12)
    expect(Math.max(...report.series.running)).toBeGreaterThan(0)
    expect(readFileSync(join(root, 'page.html'), 'utf8')).toContain('live')
    expect(calibration).toMatchObject({ scenario: 'small', broker: variant, devices: 20 })
    for (const name of MEASURED) expect(calibration[name], name).toBeGreaterThan(0)
  })
})

it('says how many open files it needs before it starts anything', () => {
  const words = [COVEY, 'sim', 'live', 'small.yaml', '--devices', '100']
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 300; exec "$0" "$@"', process.execPath, ...words],
    {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: temporary },
    },
  )
  expect([status, stderr]).toEqual([2, expect.stringContaining('104 connections need 552 open files')])
  expect(stderr).toContain('ulimit -n 552')
})

it('refuses to measure a broker that is started again', () => {
  const restart = '  - { kind: broker-restart, at: 4s, duration: 1s }\n'
  writeFileSync(join(root, 'small.yaml'), SCENARIO.replace('expect:', `${restart}expect:`))
  const { status, stderr } = spawnSync(
    process.execPath,
    [COVEY, 'sim', 'live', 'small.yaml', '--calibrate', 'c'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, TMPDIR: temporary } },
  )
  expect([status, stderr]).toEqual([2, expect.stringContaining('cannot be measured')])
  expect(stderr).toContain('small.yaml:24')
})

describe('a live run that is ended early', () => {
  /** A run with tasks that would go on for an hour. */
  async function busy(): Promise<Running> {
    writeFileSync(join(root, 'small.yaml'), SCENARIO.replace('mean: 2s', 'mean: 1h'))
    const run = live('--duration', '10m')
    const sleeps = () =>
      (listProcesses() ?? []).filter(
        ({ pid }) =>
          readEnvironment(pid).includes('COVEY_MESH=live') &&
          readEnvironment(pid).some((variable) => variable.includes(temporary)),
      )
    await vi.waitFor(() => expect(sleeps().length).toBeGreaterThan(3), { timeout: 90_000, interval: 100 })
    return run
  }

  it('by Ctrl-C reports the part that ran, and leaves nothing', async () => {
    const run = await busy()
    run.child.kill('SIGINT')
    expect(await run.exit).toBe(130)
    const report = JSON.parse(run.out) as SimReport
    expect(report.partial).toBe(true)
    expect(report.totals.submitted).toBeGreaterThan(3)
  })

  it('by Ctrl-C while it starts leaves nothing', async () => {
    const run = live('--devices', '100', '--duration', '10m')
    await vi.waitFor(() => expect(readdirSync(temporary)).not.toEqual([]), { timeout: 30_000, interval: 5 })
    run.child.kill('SIGINT')
    expect(await run.exit).toBe(130)
  })

  it('by SIGKILL leaves nothing either', async () => {
    const run = await busy()
    run.child.kill('SIGKILL')
    expect(await run.exit).toBe('SIGKILL')
  })
})
