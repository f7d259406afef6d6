/**
 * What a run of a scenario leaves behind: the one model that the JSON report, the HTML page, `compare` and the
 * expectations are made from. Times are milliseconds of the run's own time since its start, virtual or real, unless named otherwise.
 */
export const REPORT_VERSION = 1

export interface SimReport {
  readonly version: typeof REPORT_VERSION
  readonly scenario: string
  readonly about: string
  readonly seed: string
  /** Runs the same again. */
  readonly command: string
  /** The virtual broker's variant, or the real broker of a live run. */
  readonly broker: string
  readonly mode: 'virtual' | 'live'
  readonly devices: number
  readonly durationMs: number
  /** How long the run took on this machine, in seconds of the wall clock. */
  readonly tookSeconds: number
  /** True when it was interrupted: everything below is of the part that ran. */
  readonly partial: boolean
  /** Hash of the trace; equal for equal seeds. Absent in live runs. */
  readonly hash?: string
  readonly totals: Totals
  readonly latency: Latency
  readonly failoverMs: Percentiles
  readonly rerouteMs: Percentiles
  /** Why coordinators left office by themselves, the most frequent first. */
  readonly departures: readonly Departure[]
  readonly series: Series
  readonly bands: readonly Band[]
  readonly expectations: readonly ExpectationResult[]
  readonly violations: readonly ReportedViolation[]
}

export interface Totals {
  readonly submitted: number
  readonly receipted: number
  /** By terminal state. */
  readonly ended: Readonly<Record<string, number>>
  readonly unfinished: number
  readonly lost: number
  readonly endedTwice: number
  readonly attempts: number
  readonly reroutes: number
  readonly moves: number
  readonly duplicates: number
  readonly terms: number
  readonly faults: number
  readonly messages: number
}

export interface Departure {
  /** In their own words, without particulars. */
  readonly reason: string
  readonly count: number
}

/** Milliseconds; `null` where nothing was measured. */
export interface Percentiles {
  readonly count: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

export interface Latency {
  /** From the receipt to the first placement. */
  readonly placed: Percentiles
  /** From the receipt to the terminal status. */
  readonly ended: Percentiles
}

/** One value a sample; all arrays have the length of `atMs`. */
export interface Series {
  readonly atMs: readonly number[]
  readonly devicesUp: readonly number[]
  /** Share of the fleet's cpu that is reserved, 0 to 1. */
  readonly load: readonly number[]
  /** Tasks that wait for a device. */
  readonly queue: readonly number[]
  readonly running: readonly number[]
  /** Events since the sample before. */
  readonly placements: readonly number[]
  readonly reroutes: readonly number[]
  readonly ends: readonly number[]
  /** Of the tasks that ended since the sample before; `null` where none did. */
  readonly latencyP50Ms: readonly (number | null)[]
  readonly latencyP95Ms: readonly (number | null)[]
  readonly latencyP99Ms: readonly (number | null)[]
}

/** A stretch of time worth marking behind the charts. */
export interface Band {
  readonly kind: 'failover' | 'fault'
  readonly fromMs: number
  readonly toMs: number
  readonly label: string
}

export interface ExpectationResult {
  /** As the scenario states it, like `lost: 0` or `latency.ended.p99: "<= 5s"`. */
  readonly text: string
  readonly met: boolean
  readonly value: string
}

export interface ReportedViolation {
  readonly invariant: string
  readonly atMs: number
  readonly message: string
}
