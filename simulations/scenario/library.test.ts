import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { SimReport } from '../report/model.ts'
import { libraryNames, loadScenario } from './library.ts'
import { type Overrides, override } from './overrides.ts'
import { runScenario } from './run.ts'

const SEEDS = ['1', '2']
/** A size at which each scenario still has what it is about; every fault that is not rare comes early in the files. */
const REDUCED: Readonly<Record<string, Overrides>> = {
  'broker-upgrade': { devices: 8, durationMs: 150_000 },
  'bursty-low-latency': { devices: 10, durationMs: 60_000 },
  'camera-spike': { devices: 14, durationMs: 300_000 },
  'coordinator-killed-every-5s': { devices: 8, durationMs: 60_000 },
  'factory-line': { devices: 14, durationMs: 90_000 },
  'outage-replay': { devices: 49, durationMs: 90_000 },
  'reconnect-storm': { devices: 600, durationMs: 60_000 },
  'rolling-power-cut': { devices: 15, durationMs: 90_000 },
  'seasonal-customer-service': { devices: 15, durationMs: 120_000 },
  'smart-building': { devices: 40, durationMs: 120_000 },
  'vehicles-bad-coverage': { devices: 40, durationMs: 180_000 },
}

function run(name: string, seed: string, overrides: Overrides = REDUCED[name] ?? {}): Promise<SimReport> {
  const { scenario } = loadScenario(name, { cwd: '.' })
  return runScenario(override(scenario, overrides), { seed, command: `covey sim run ${name} --seed ${seed}` })
}

const unmet = (report: SimReport): string[] => [
  ...report.expectations.filter(({ met }) => !met).map(({ text, value }) => `${text}, found ${value}`),
  ...report.violations.map(({ message }) => message),
]

describe('the library', () => {
  it('has the scenarios that are tried here, each told in its file and in one sentence', () => {
    expect(libraryNames()).toEqual(Object.keys(REDUCED).sort())
    for (const name of libraryNames()) {
      const { scenario, text } = loadScenario(name, { cwd: '.' })
      expect(scenario.name).toBe(name)
      expect(text).toMatch(/^# Shows: /)
      for (const figure of ['lost', 'endedTwice', 'unfinished', 'violations']) {
        expect(scenario.expectations.map((expectation) => expectation.text)).toContain(`${figure}: 0`)
      }
    }
  })

  it.each(libraryNames().flatMap((name) => SEEDS.map((seed) => [name, seed] as const)))(
    '%s meets its expectations with seed %s, at a reduced size',
    async (name, seed) => {
      const report = await run(name, seed)
      expect(unmet(report)).toEqual([])
      expect(report.partial).toBe(false)
      expect(report.totals.submitted).toBeGreaterThan(20)
      expect(report.totals.receipted).toBe(report.totals.submitted)
    },
  )

  it.each(['factory-line', 'rolling-power-cut'])(
    '%s gives the same run twice for a seed, and another for another',
    async (name) => {
      const [first, again, other] = [await run(name, '1'), await run(name, '1'), await run(name, '2')]
      const { tookSeconds: _first, ...firstRest } = first
      const { tookSeconds: _again, ...againRest } = again
      expect(againRest).toEqual(firstRest)
      expect(other.hash).not.toBe(first.hash)
    },
  )
})

describe('a record of outages that takes the place of the library’s', () => {
  const given = (name: string, bytes: string | Buffer): string => {
    const folder = mkdtempSync(join(tmpdir(), 'covey-outages-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  const head = 'system,node,start_min,end_min'

  it('may be packed with gzip', () => {
    const text = `${head}\n2,7,10,20\n`
    const load = (name: string, bytes: string | Buffer) =>
      loadScenario('outage-replay', { cwd: '.', data: given(name, bytes) }).scenario.outages
    expect([...load('a.csv.gz', gzipSync(text)).values()]).toEqual([
      [{ node: '2/7', startMin: 10, endMin: 20 }],
    ])
    expect(load('a.csv.gz', gzipSync(text))).toEqual(load('a.csv', text))
  })

  it('is named by its own name when it is wrong', () => {
    const data = given('mine.csv', `${head}\n2,7,10,x\n`)
    expect(() => loadScenario('outage-replay', { cwd: '.', data })).toThrow(
      /^mine.csv:2:1: "x" is no whole number/,
    )
  })
})
