import { describe, expect, it } from 'vitest'
import { Agent } from '../../agent/core/agent.ts'
import { Random } from '../../shared/random/random.ts'
import type { AgentCore, CoreFactory } from '../node/node.ts'
import type { SimReport } from '../report/model.ts'
import { arrivalTimes } from './arrivals.ts'
import { compareReports } from './comparison.ts'
import { faultPlan } from './fault-plan.ts'
import { assemble } from './library.ts'
import { override, readSettings } from './overrides.ts'
import { parseScenario } from './parse.ts'
import { newTrace, readRecording, recordingText, replay } from './recording.ts'
import { type RunOptions, runScenario } from './run.ts'
import type { Arrival } from './schema.ts'

const TEXT = `name: small
about: Four devices, and one of them dies
duration: 40s
fleet:
  - { class: pi, count: 3, capacity: { cpu: 2, memory: 1Gi } }
  - { class: nas, count: 1, capacity: { cpu: 4, memory: 4Gi }, latency: 20ms, speed: 0.5 }
tasks:
  - class: work
    arrive: [{ pattern: poisson, rate: 2, from: 5s }]
    run: { mean: 2s }
    resources: { cpu: 500m, memory: 64Mi }
  - class: slow
    arrive: [{ pattern: burst, count: 3, from: 10s }]
    run: { mean: 3s }
    where: { class: nas }
faults:
  - { kind: power, at: 20s, duration: 5s, targets: coordinator }
operations:
  - { do: drain, at: 12s, duration: 4s, targets: { devices: [pi-2] } }
expect: { lost: 0, unfinished: 0, violations: 0, ended.succeeded: "> 50", failoverMs.max: "<= 10s" }
`
const scenario = parseScenario(TEXT, 'small.yaml')
const run = (options: Partial<RunOptions> = {}): Promise<SimReport> =>
  runScenario(scenario, { seed: '1', command: 'again', ...options })

describe('a run', () => {
  it('of another strategy places otherwise, and one that is written out like one that is asked for', async () => {
    const packed = override(scenario, readSettings('strategy=best-fit'))
    const written = parseScenario(TEXT.replace('duration:', 'strategy: best-fit\nduration:'), 'small.yaml')
    const run = (one: typeof scenario) => runScenario(one, { seed: '1', command: 'again' })
    // Packing is what best-fit goes by, and makespan what tells how long they run.
    const [sought, soonest] = ['packing', 'makespan'].map((objective) =>
      override(scenario, readSettings(`objective=${objective}`)),
    ) as [typeof scenario, typeof scenario]
    const [spread, asked, told, packing, soon] = await Promise.all(
      [scenario, packed, written, sought, soonest].map(run),
    )
    expect(asked?.hash).toBe(told?.hash)
    expect(packing?.hash).not.toBe(spread?.hash)
    expect(soon?.hash).not.toBe(spread?.hash)
    expect(asked?.hash).not.toBe(spread?.hash)
    for (const report of [spread, asked, packing, soon]) {
      expect(report?.violations).toEqual([])
      expect(report?.totals.unfinished).toBe(0)
    }
    expect(() => readSettings('strategy=worst')).toThrow('"strategy=worst" is no setting')
    expect(() => readSettings('objective=best')).toThrow('"objective=best" is no setting')
  })

  it.each(['dp', 'heuristic', 'genetic'])(
    'plans batches by %s, the same again from the same seed',
    async (name) => {
      const planned = override(scenario, readSettings(`strategy=${name}`))
      const [first, again] = await Promise.all(
        [1, 2].map(() => runScenario(planned, { seed: '1', command: 'again' })),
      )
      expect(first?.hash).toBe(again?.hash)
      expect(first?.violations).toEqual([])
      expect(first?.totals.unfinished).toBe(0)
    },
  )

  it('improves what runs, through the death of a coordinator, without a violation', async () => {
    const improved = override(scenario, readSettings('strategy=best-fit,improve=1s'))
    const report = await runScenario(improved, { seed: '1', command: 'again' })
    expect(report.totals.moves).toBeGreaterThan(0)
    expect(report.violations).toEqual([])
    expect(report.totals.unfinished).toBe(0)
    expect(() => readSettings('improve=often')).toThrow('"improve=often" is no setting')
  })

  it('lets tasks of one class follow those of others, number by number, through the death of a coordinator', async () => {
    const text = TEXT.replace(
      'faults:',
      `  - class: sum
    after: [part, other]
    arrive: [{ pattern: burst, count: 20, from: 16s }]
    run: { mean: 100ms }
  - class: part
    arrive: [{ pattern: burst, count: 20, from: 17s }]
    run: { shape: exponential, mean: 1s }
    ttl: 1s
  - class: other
    arrive: [{ pattern: burst, count: 20, from: 18s }]
    run: { mean: 4s }
    fails: 0.3
faults:`,
    )
    const pipeline = parseScenario(text, 'small.yaml')
    const report = await runScenario(pipeline, { seed: '1', command: 'again' })
    expect(report.violations).toEqual([])
    const { ended, submitted } = report.totals
    expect(ended['failed']).toBeGreaterThan(0)
    // Each that failed takes exactly one with it: what a task is after stays known, however short its ttl.
    expect(ended).toEqual({
      failed: ended['failed'],
      rejected: ended['failed'],
      succeeded: submitted - 2 * (ended['failed'] ?? 0),
    })
  })

  it('reports what happened in counts, times, bands and series of one length', async () => {
    const report = await run()
    expect(report.expectations.filter(({ met }) => !met)).toEqual([])
    expect(report).toMatchObject({ partial: false, violations: [], devices: 4, seed: '1', command: 'again' })
    expect(report.totals).toMatchObject({ faults: 1, terms: 2, lost: 0, unfinished: 0, endedTwice: 0 })
    expect(report.totals.ended).toEqual({ succeeded: report.totals.submitted })
    expect(report.latency.ended.count).toBe(report.totals.submitted)
    expect(report.failoverMs.count).toBe(1)
    expect(report.bands.map(({ kind }) => kind).sort()).toEqual(['failover', 'fault'])
    const { series } = report
    for (const values of Object.values(series)) expect(values).toHaveLength(series.atMs.length)
    const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
    expect(sum(series.ends)).toBe(report.totals.submitted)
    expect(sum(series.placements)).toBe(report.totals.attempts)
    expect(sum(series.reroutes)).toBe(report.totals.reroutes)
    expect(Math.min(...series.devicesUp)).toBe(3)
    expect(Math.max(...series.load)).toBeLessThanOrEqual(1)
    expect(Math.max(...series.running)).toBeGreaterThan(2)
  })

  it('of slow devices takes as long as they need', async () => {
    const slow = assemble(TEXT.replace('rate: 2, from: 5s', 'rate: 0.001, from: 39s'), 's.yaml', {})
    const report = await runScenario(slow.scenario, { seed: '1', command: '' })
    expect(report.totals.ended['succeeded']).toBe(3)
    expect(report.latency.ended.p50).toBeGreaterThan(6_000)
  })

  it('that is interrupted leaves a report of the part that ran', async () => {
    const interruption = new AbortController()
    const long = override(scenario, { durationMs: 36_000_000 })
    const report = await runScenario(long, {
      seed: '1',
      command: '',
      signal: interruption.signal,
      progress: ({ ended }) => ended > 10 && interruption.abort(),
    })
    expect(report.partial).toBe(true)
    expect(report.durationMs).toBeLessThan(36_000_000)
    expect(report.totals.ended['succeeded']).toBeGreaterThan(10)
  })

  it('of agents that never publish an end fails its expectations and the checkers', async () => {
    const core: CoreFactory = (options): AgentCore => {
      const agent = new Agent(options)
      return {
        step: (input, now) =>
          agent
            .step(input, now)
            .filter((effect) => effect.do !== 'publish' || effect.message.route !== 'status'),
      }
    }
    const short = { ...override(scenario, { durationMs: 15_000 }), settleMs: 5_000 }
    const report = await runScenario(short, { seed: '1', command: '', core })
    expect(new Set(report.violations.map(({ invariant }) => invariant))).toEqual(new Set(['I2', 'I6']))
    expect(report.totals.unfinished).toBe(report.totals.submitted)
    const met = Object.fromEntries(report.expectations.map(({ text, met }) => [text.split(':')[0], met]))
    expect(met).toMatchObject({ lost: true, unfinished: false, violations: false, 'failoverMs.max': false })
  })
})

describe('a recorded run', () => {
  const loaded = assemble(TEXT, 'small.yaml', {})
  const record = async (): Promise<string> => {
    const trace = newTrace()
    const report = await run({ trace })
    return recordingText(loaded, 'small.yaml', {}, report, trace, '1.2.3')
  }

  it('is the same when it is replayed, and is found out when it is not', async () => {
    const text = await record()
    const again = await replay(readRecording(text, 'r', '1.2.3'), { command: '' })
    expect(again).toMatchObject({ same: true })
    const [head = '', ...lines] = text.split('\n')
    const tampered = [head.replace(/"hash":"\w+"/, '"hash":"0"'), ...lines]
    tampered[3] = tampered[3]?.replace('"ms":', '"ms":9') ?? ''
    const other = await replay(readRecording(tampered.join('\n'), 'r', '1.2.3'), { command: '' })
    expect(other).toMatchObject({
      same: false,
      difference: { line: 3, recorded: tampered[3], now: lines[2] },
    })
  })

  it('of another version says which', async () => {
    const text = await record()
    expect(() => readRecording(text, 'r', '2.0.0')).toThrow('recorded with Covey 1.2.3, this is 2.0.0')
    expect(() => readRecording('hello', 'r', '2.0.0')).toThrow('r:1:1')
    expect(() => readRecording('{}', 'r', '2.0.0')).toThrow('no recorded run')
  })
})

describe('overrides', () => {
  it('resize the whole scenario, keep every class, and leave out what comes after the end', () => {
    const small = override(scenario, { devices: 2 })
    expect(small.fleet.map(({ count }) => count)).toEqual([1, 1])
    expect(small.tasks[0]?.arrive[0]?.rate).toBe(1)
    expect(override(scenario, { devices: 40 }).fleet.map(({ count }) => count)).toEqual([30, 10])
    expect(() => override(scenario, { devices: 1 })).toThrow('small cannot have 1 devices')
    const short = override(scenario, { durationMs: 11_000 })
    expect([short.faults.length, short.operations.length, short.tasks[1]?.arrive.length]).toEqual([0, 0, 1])
  })

  it('read settings, and name what is none', () => {
    expect(readSettings('intervalMs=500,variant=nats,devices=9')).toEqual({
      timing: { intervalMs: 500 },
      variant: 'nats',
      devices: 9,
    })
    expect(() => readSettings('interval=500')).toThrow('"interval=500" is no setting')
    expect(() => readSettings('intervalMs=soon')).toThrow('"intervalMs=soon" is no setting')
  })

  it('show in a comparison, figure by figure', async () => {
    const slower = override(scenario, { timing: { intervalMs: 3_000 } })
    const [a, b] = [await run(), await runScenario(slower, { seed: '1', command: '' })]
    const rows = new Map(compareReports(a, b).map((row) => [row.figure, row]))
    expect(rows.get('lost')).toEqual({ figure: 'lost', a: '0', b: '0', change: '' })
    expect(rows.get('failoverMs.max')?.change).toMatch(/^\+\d/)
  })
})

describe('arrivals', () => {
  const times = (arrival: Arrival): readonly { atMs: number; count: number }[] => [
    ...arrivalTimes(arrival, 100_000, new Random('a')),
  ]

  it.each<[Arrival, number, number]>([
    [{ pattern: 'steady', rate: 2 }, 200, 200],
    [{ pattern: 'periodic', every: '10s', count: 7 }, 70, 70],
    [{ pattern: 'burst', count: 50, from: '10s' }, 50, 50],
    [{ pattern: 'burst', count: 50, from: '10s', to: '20s' }, 50, 50],
    [{ pattern: 'poisson', rate: 10 }, 900, 1_100],
    [{ pattern: 'ramp', rate: 0, toRate: 20 }, 900, 1_100],
    [{ pattern: 'season', rate: 10, swing: 1, period: '50s' }, 900, 1_100],
    [{ pattern: 'poisson', rate: 0 }, 0, 0],
    [{ pattern: 'steady', rate: 0 }, 0, 0],
  ])('of %j come in order, within their time, and as many as they should', (arrival, least, most) => {
    const all = times(arrival)
    const count = all.reduce((sum, one) => sum + one.count, 0)
    expect(count).toBeGreaterThanOrEqual(least)
    expect(count).toBeLessThanOrEqual(most)
    for (const [n, { atMs }] of all.entries()) {
      expect(atMs).toBeGreaterThanOrEqual(all[n - 1]?.atMs ?? 0)
      expect(atMs).toBeLessThanOrEqual(100_000)
    }
  })

  it('of a season and a ramp are few when the rate is low', () => {
    const countBefore = (arrival: Arrival, ms: number): number =>
      times(arrival).filter(({ atMs }) => atMs < ms).length
    expect(countBefore({ pattern: 'season', rate: 10, swing: 1, period: '100s' }, 10_000)).toBeLessThan(20)
    expect(countBefore({ pattern: 'ramp', rate: 0, toRate: 20 }, 10_000)).toBeLessThan(30)
  })
})

describe('a plan of faults', () => {
  const plan = (rows: string) =>
    faultPlan(parseScenario(TEXT.replace(/^ {2}- \{ kind.*$/m, rows), 'x.yaml'), 's')

  it('rolls through a class, strikes again and again, and ends in time', () => {
    const faults = plan(
      '  - { kind: power, every: 10s, duration: 2s, targets: { class: pi, count: 2, pick: rolling } }',
    )
    expect(faults.map(({ atMs, targets }) => [atMs, targets])).toEqual([
      [10_000, ['pi-1', 'pi-2']],
      [20_000, ['pi-3', 'pi-1']],
      [30_000, ['pi-2', 'pi-3']],
    ])
  })

  it('aims at the coordinator, strikes each device once at most, and at random as often as asked', () => {
    const kinds = plan('  - { kind: pause, at: 3s, targets: coordinator }').map(({ kind, targets }) => [
      kind,
      targets,
    ])
    expect(kinds).toEqual([['pause-holder', []]])
    const once = plan('  - { kind: crash, probability: 1 }').flatMap(({ targets }) => targets)
    expect(once.sort()).toEqual(['nas-1', 'pi-1', 'pi-2', 'pi-3'])
    const many = plan('  - { kind: crash, rate: 9000 }').length
    expect(many).toBeGreaterThan(60)
    expect(many).toBeLessThan(140)
  })
})
