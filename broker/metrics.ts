/** What the broker counts. Everything is cumulative since the start unless its name says otherwise. */
import type { ErrorCode } from '../shared/errors/table.ts'

/** Upper bounds of the latency buckets, in ms. */
export const LATENCY_BUCKETS_MS = [0.5, 1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000] as const

export interface LatencySnapshot {
  readonly count: number
  readonly sumMs: number
  readonly maxMs: number
  /** How many took at most the bucket's bound; cumulative, in the order of LATENCY_BUCKETS_MS. */
  readonly buckets: readonly number[]
}

/** A histogram with fixed buckets: constant memory whatever happens. */
export class LatencySummary {
  readonly #buckets = LATENCY_BUCKETS_MS.map(() => 0)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  add(ms: number): void {
    this.#count += 1
    this.#sumMs += ms
    this.#maxMs = Math.max(this.#maxMs, ms)
    const at = LATENCY_BUCKETS_MS.findIndex((bound) => ms <= bound)
    if (at >= 0) this.#buckets[at] = (this.#buckets[at] ?? 0) + 1
  }

  snapshot(): LatencySnapshot {
    let below = 0
    const buckets = this.#buckets.map((n) => {
      below += n
      return below
    })
    return { count: this.#count, sumMs: this.#sumMs, maxMs: this.#maxMs, buckets }
  }
}

/** Mutable counters, bumped where things happen. */
export class Counters {
  connectionsAccepted = 0
  messagesIn = 0
  messagesOut = 0
  /** Refused by the access rules or the password check. */
  denied = 0
  /** Taken from a client but not delivered or kept. */
  dropped = 0
}

export interface BrokerMetrics {
  readonly connections: number
  readonly connectionsAccepted: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly retainedMessages: number
  readonly retainedBytes: number
  readonly commits: number
  readonly commitFailures: number
  readonly commitsWaiting: number
  readonly commitLatency: LatencySnapshot
  readonly denied: number
  readonly dropped: number
  readonly sessions: number
  readonly complaints: Readonly<Partial<Record<ErrorCode, number>>>
}

type Metric = [name: string, kind: 'counter' | 'gauge', help: string, value: number]

/** The metrics in Prometheus' text format. */
export function prometheusText(metrics: BrokerMetrics): string {
  const plain: Metric[] = [
    ['connections', 'gauge', 'Open connections', metrics.connections],
    ['connections_accepted_total', 'counter', 'Connections accepted', metrics.connectionsAccepted],
    ['messages_in_total', 'counter', 'Publishes received', metrics.messagesIn],
    ['messages_out_total', 'counter', 'Publishes sent', metrics.messagesOut],
    ['retained_messages', 'gauge', 'Retained messages', metrics.retainedMessages],
    ['retained_bytes', 'gauge', 'Bytes of retained messages', metrics.retainedBytes],
    ['commits_total', 'counter', 'Group commits', metrics.commits],
    ['commit_failures_total', 'counter', 'Group commits that failed', metrics.commitFailures],
    ['commits_waiting', 'gauge', 'Publishes that wait for their commit', metrics.commitsWaiting],
    ['denied_total', 'counter', 'Refused by access rules or password', metrics.denied],
    ['dropped_total', 'counter', 'Messages taken but not delivered', metrics.dropped],
    ['sessions', 'gauge', 'Persistent sessions', metrics.sessions],
  ]
  const lines = plain.flatMap(([name, kind, help, value]) => [
    `# HELP covey_broker_${name} ${help}`,
    `# TYPE covey_broker_${name} ${kind}`,
    `covey_broker_${name} ${value}`,
  ])
  lines.push('# HELP covey_broker_complaints_total What was held against clients, by error code')
  lines.push('# TYPE covey_broker_complaints_total counter')
  for (const [code, count] of Object.entries(metrics.complaints)) {
    lines.push(`covey_broker_complaints_total{code="${code}"} ${count}`)
  }
  const { count, sumMs, buckets } = metrics.commitLatency
  lines.push('# HELP covey_broker_commit_seconds Duration of group commits')
  lines.push('# TYPE covey_broker_commit_seconds histogram')
  for (const [i, bound] of LATENCY_BUCKETS_MS.entries()) {
    lines.push(`covey_broker_commit_seconds_bucket{le="${bound / 1000}"} ${buckets[i] ?? 0}`)
  }
  lines.push(`covey_broker_commit_seconds_bucket{le="+Inf"} ${count}`)
  lines.push(`covey_broker_commit_seconds_sum ${sumMs / 1000}`)
  lines.push(`covey_broker_commit_seconds_count ${count}`)
  return `${lines.join('\n')}\n`
}
