/** A report as a run of ten minutes might leave it, drawn from a seed: a failover, faults, idle times, a busy hour. */
import { Random } from '../../../shared/random/random.ts'
import { type Band, REPORT_VERSION, type Series, type SimReport } from '../model.ts'
import { Sketch } from '../percentiles.ts'

export interface SampleOptions {
  readonly seed?: string
  /** How many samples, two virtual seconds apart. */
  readonly samples?: number
  readonly devices?: number
}

const EVERY_MS = 2_000
const TASKS_PER_SAMPLE = 12
const FAULTS = 18

/** What a test says otherwise stands instead of what was drawn. */
export function sampleReport(options: SampleOptions = {}, instead: Partial<SimReport> = {}): SimReport {
  const { seed = 'sample', samples = 300, devices = 40 } = options
  const random = new Random(seed)
  const durationMs = samples * EVERY_MS
  const bands = drawBands(random.fork('bands'), durationMs)
  const placed = new Sketch()
  const ended = new Sketch()
  const failover = new Sketch()
  for (const { kind, fromMs, toMs } of bands) if (kind === 'failover') failover.add(toMs - fromMs)
  const series = drawSeries(random.fork('series'), { samples, devices, bands, placed, ended })
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
  const ends = sum(series.ends)
  return {
    version: REPORT_VERSION,
    scenario: 'rolling-power-cut',
    about: 'Forty devices lose their power one after the other while tasks keep coming in.',
    seed,
    command: `covey simulate rolling-power-cut --seed ${seed} --html rolling-power-cut.html`,
    broker: 'covey',
    mode: 'virtual',
    devices,
    durationMs,
    tookSeconds: 12.4,
    partial: false,
    hash: '4b63eddf4d6a79cc',
    totals: {
      submitted: ends + 2,
      receipted: ends + 2,
      ended: { succeeded: ends - 9, failed: 5, timed_out: 4 },
      unfinished: 2,
      lost: 0,
      endedTwice: 0,
      attempts: sum(series.placements),
      reroutes: sum(series.reroutes),
      moves: 2,
      duplicates: 3,
      terms: 1 + failover.count,
      faults: FAULTS,
      messages: 20 * ends,
    },
    latency: { placed: placed.percentiles(), ended: ended.percentiles() },
    failoverMs: failover.percentiles(),
    rerouteMs: new Sketch().percentiles(),
    departures: [{ reason: 'the seat closed: session taken over', count: 2 }],
    series,
    bands,
    expectations: [
      { text: 'lost: 0', met: true, value: '0' },
      { text: 'latency.ended.p99: "<= 5s"', met: false, value: '7.71s' },
    ],
    violations: [
      { invariant: 'I4', atMs: 84_321.5, message: 'device d17: expected at most 1Gi reserved, found 1088Mi' },
    ],
    ...instead,
  }
}

function drawBands(random: Random, durationMs: number): Band[] {
  const faults = Array.from({ length: FAULTS }, (_, n): Band => {
    const fromMs = random.between(0, durationMs * 0.8)
    const toMs = fromMs + random.exponential(durationMs / 60)
    return { kind: 'fault', fromMs, toMs: Math.min(toMs, durationMs), label: `power of d${n}` }
  })
  const failovers = [0.2, 0.55].map((share): Band => {
    const fromMs = share * durationMs
    const toMs = fromMs + random.between(2_000, 0.03 * durationMs)
    return { kind: 'failover', fromMs, toMs, label: 'no coordinator' }
  })
  return [...faults, ...failovers]
}

interface Course {
  readonly samples: number
  readonly devices: number
  readonly bands: readonly Band[]
  readonly placed: Sketch
  readonly ended: Sketch
}

function drawSeries(random: Random, course: Course): Series {
  const { samples, devices, bands, placed, ended } = course
  const series: { [K in keyof Series]: Series[K][number][] } = {
    atMs: [],
    devicesUp: [],
    load: [],
    queue: [],
    running: [],
    placements: [],
    reroutes: [],
    ends: [],
    latencyP50Ms: [],
    latencyP95Ms: [],
    latencyP99Ms: [],
  }
  let [queue, running] = [0, 0]
  for (let n = 1; n <= samples; n++) {
    const atMs = n * EVERY_MS
    const now = bands.filter((band) => band.fromMs <= atMs && atMs <= band.toMs)
    const vacant = now.some((band) => band.kind === 'failover')
    // Nothing comes in near the end, so that there are samples in which nothing ends.
    queue += n < samples * 0.85 ? random.below(2 * TASKS_PER_SAMPLE) : 0
    const placements = vacant ? 0 : Math.min(queue, 60)
    const ends = Math.min(running, random.below(2 * TASKS_PER_SAMPLE))
    queue -= placements
    running += placements - ends
    const latencies = new Sketch()
    for (let end = 0; end < ends; end++) latencies.add(80 + random.exponential(2_000) + (vacant ? 9_000 : 0))
    for (let end = 0; end < placements; end++) placed.add(random.exponential(30))
    ended.merge(latencies)
    const { p50, p95, p99 } = latencies.percentiles()
    const values = {
      atMs,
      devicesUp: devices - now.length,
      load: Math.min(1, running / (3 * devices)),
      queue,
      running,
      placements,
      reroutes: now.length > 0 ? random.below(3) : 0,
      ends,
      latencyP50Ms: p50,
      latencyP95Ms: p95,
      latencyP99Ms: p99,
    }
    for (const key of Object.keys(values) as (keyof Series)[]) (series[key] as unknown[]).push(values[key])
  }
  return series as Series
}
