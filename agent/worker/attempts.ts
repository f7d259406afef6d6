/**
 * Attempts at work on this device: admitted, journaled, run, ended when they must be, their results kept until
 * somebody acknowledges them. What comes twice changes nothing; what cannot be journaled is not begun.
 */
import { type Failure, failure } from '../../shared/errors/errors.ts'
import type { ErrorCode } from '../../shared/errors/table.ts'
import { CHECKPOINT_BYTES_MAX } from '../../shared/model/checkpoint.ts'
import { DEFAULT_TIMEOUT_MS, demandOf } from '../../shared/model/task.ts'
import type { JournalEntry, RunEnd } from '../../shared/ports.ts'
import { type Attempt, sameAttempt } from '../../shared/protocol/attempt.ts'
import { parseWork } from '../../shared/protocol/ids.ts'
import { valueBytes } from '../../shared/protocol/json-text.ts'
import type { Assignment, AttemptResult, LogStream, Outcome } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import type { Fence } from './fence.ts'
import type { Held, HeldTable } from './held.ts'
import type { Journaling } from './journaling.ts'
import type { Leases } from './leases.ts'
import type { Reports } from './reports.ts'
import { boundResult } from './result-bound.ts'

export const TIMEOUT_TIMER = 'worker/timeout/'

export class Attempts {
  readonly #context: Context
  readonly #fence: Fence
  readonly #table: HeldTable
  readonly #journaling: Journaling
  readonly #reports: Reports
  readonly #leases: Leases
  #stopping = false

  constructor(
    context: Context,
    fence: Fence,
    table: HeldTable,
    journaling: Journaling,
    reports: Reports,
    leases: Leases,
  ) {
    this.#context = context
    this.#fence = fence
    this.#table = table
    this.#journaling = journaling
    this.#reports = reports
    this.#leases = leases
  }

  /** Whatever a former start left running is ended, and told as interrupted: it is never run twice here. */
  restore(entries: readonly JournalEntry[]): void {
    if (entries.length > 0) this.#context.emit({ do: 'reap', entries })
    for (const entry of entries) {
      const result: AttemptResult = entry.result ?? {
        attempt: entry.attempt,
        task: entry.task,
        outcome: 'interrupted',
        error: failure('E_INTERRUPTED', 'the agent restarted while it held the attempt'),
        ended: this.#context.instant(),
        ...(entry.checkpoint === undefined ? {} : { checkpoint: entry.checkpoint }),
      }
      const held = this.#table.restore(entry.attempt, entry.task, entry.spec, demandOf(entry.spec), result)
      if (entry.result === undefined) this.#keepResult(held)
      else held.reportable = true
    }
  }

  /** An order to run something. `outputBytes` is what each of its output streams may have in the result. */
  assign(assignment: Assignment, outputBytes?: number): void {
    const { attempt, task, spec, leaseMs, checkpoint } = assignment
    const known = this.#table.get(attempt)
    if (known?.task === task) return this.#reports.changed(known)
    const demand = demandOf(spec, DEFAULT_TIMEOUT_MS)
    const refuse = (code: ErrorCode, message: string) =>
      this.#reports.rejected({ attempt, task, error: failure(code, message) })
    // Only after a broker lost its store can a name come twice; the older attempt has nobody left to tell.
    if (known !== undefined && known.phase !== 'done')
      return refuse('E_ID_TAKEN', 'the attempt has another task here')
    if (known !== undefined) this.acknowledge(attempt)
    if (this.#fence.failing) return refuse('E_JOURNAL', 'the journal does not keep who is in office')
    if (this.#stopping) return refuse('E_CAPACITY', 'the agent is stopping')
    if (!this.#context.options.executors.includes(demand.executor)) {
      return refuse('E_EXECUTOR', `the device has no executor "${demand.executor}"`)
    }
    const { functionName } = demand
    if (functionName !== undefined && this.#context.options.functions?.includes(functionName) !== true) {
      return refuse('E_NO_FUNCTION', `the device has no function "${functionName}"`)
    }
    const refusal = this.#table.refusal(demand.resources)
    if (refusal !== undefined) return refuse('E_CAPACITY', refusal)
    const gpus = this.#table.gpusFor(demand.resources, assignment.gpus)
    if (typeof gpus === 'string') return refuse('E_CAPACITY', gpus)
    if (demand.exclusive) {
      const uncovered = this.#leases.refusal(leaseMs)
      if (uncovered !== undefined) return refuse('E_LEASE', uncovered)
    }
    const held = this.#table.admit(attempt, task, spec, demand, gpus)
    if (demand.exclusive && leaseMs !== undefined) {
      held.leaseMs = leaseMs
      this.#leases.hold(held)
    }
    if (outputBytes !== undefined) held.outputBytes = outputBytes
    if (checkpoint !== undefined) held.checkpoint = checkpoint
    this.#journaling.persist({ put: entryOf(held) }, (error) => {
      if (error === undefined) this.#run(held)
      else if (held.phase !== 'done') {
        this.#table.drop(held)
        this.#leases.drop(held)
        this.#reports.forget(held)
        refuse('E_JOURNAL', `the attempt could not be journaled: ${error}`)
      }
    })
    this.#reports.changed(held)
  }

  #run(held: Held): void {
    // It may have been revoked while the journal wrote, or its lease may have ended.
    this.endLapsed()
    if (held.phase === 'ending') return this.#finish(held, { outcome: 'failed' })
    held.phase = 'running'
    held.started = this.#context.instant()
    held.startedMonoMs = this.#context.now.monoMs
    const { attempt, task, spec, gpus } = held
    const given = {
      ...this.#leases.leaseOf(held),
      ...(held.checkpoint === undefined ? {} : { checkpoint: held.checkpoint }),
      ...(gpus.length === 0 ? {} : { gpus }),
    }
    this.#context.emit({ do: 'run', attempt, task, spec, ...given })
    this.#context.timer(TIMEOUT_TIMER + held.key, held.demand.timeoutMs)
    this.#reports.changed(held)
  }

  started(attempt: Attempt, pid: number): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase === 'done') return
    held.pid = pid
    this.#journaling.persist({ put: entryOf(held) })
  }

  /** The attempt has published what it can go on from. That is told also when the disk does not take it. */
  checkpoint(attempt: Attempt, value: unknown): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase === 'done') return
    const { task, checkpoint: last } = held
    const bytes = valueBytes(value)
    if (bytes > CHECKPOINT_BYTES_MAX) {
      const about = { task, bytes, bytesMax: CHECKPOINT_BYTES_MAX }
      return this.#context.log('warn', 'a checkpoint is too large and is not taken', about)
    }
    const own = sameAttempt(last?.attempt, attempt)
    held.checkpoint = { attempt, seq: own ? (last?.seq ?? 0) + 1 : 1, value }
    held.checkpointIsNews = true
    this.#journaling.persist({ put: entryOf(held) }, (error) => {
      if (error !== undefined)
        this.#context.log('error', 'the journal does not keep a checkpoint', { task, error })
    })
    this.#reports.changed(held)
  }

  output(attempt: Attempt, stream: LogStream, text: string): void {
    const held = this.#table.get(attempt)
    if (held === undefined) return
    const { task, element } = parseWork(held.task)
    const of = element === undefined ? {} : { element }
    this.#context.publish('device', 'log', task, { attempt, ...of, stream, seq: held.logSeq++, text })
  }

  /** An order to end something. */
  revoke(attempt: Attempt): void {
    const held = this.#table.get(attempt)
    if (held === undefined) {
      // Never received, or forgotten already: gone is what the coordinator wants to hear.
      return this.#reports.rejected({ attempt, error: failure('E_NOT_HELD', 'the device does not hold it') })
    }
    if (held.phase === 'done') return this.#reports.changed(held)
    this.#end(held, 'revoked')
  }

  /** Begins to end an attempt. A queued one ends when its journal entry has settled. */
  #end(held: Held, why: NonNullable<Held['ending']>, graceMs = held.demand.graceMs): void {
    held.ending ??= why
    if (held.phase === 'running' || (held.lapsed === true && held.started !== undefined)) {
      this.#context.emit({ do: 'kill', attempt: held.attempt, graceMs })
    }
    if (held.phase !== 'done') held.phase = 'ending'
    this.#reports.changed(held)
  }

  /** Ends exclusive attempts whose lease is over, at once. */
  endLapsed(): void {
    for (const held of this.#leases.takeLapsed()) this.#end(held, 'interrupted', 0)
  }

  /** The coordinator has heard a heartbeat: leases that are not over count from when it was sent. */
  heard(seq: number): void {
    for (const held of this.#leases.heard(seq)) this.#end(held, 'interrupted', 0)
  }

  ended(attempt: Attempt, end: RunEnd): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase === 'done') return
    this.#finish(held, end)
  }

  #finish(held: Held, end: RunEnd): void {
    this.#context.cancelTimer(TIMEOUT_TIMER + held.key)
    this.#leases.drop(held)
    // The shell's guard may have ended it before this agent came to look at its clocks.
    const over = held.leaseMs !== undefined && this.#leases.leftMs(held.leaseMs) <= 0
    if (end.lapsed === true || (over && end.outcome === 'failed')) {
      held.lapsed = true
      held.ending ??= 'interrupted'
    }
    // A command that succeeded although it was told to stop has succeeded; whether anybody wants that is not decided here.
    const outcome: Outcome =
      held.ending === undefined || end.outcome === 'succeeded' ? end.outcome : held.ending
    const result: AttemptResult = {
      attempt: held.attempt,
      task: held.task,
      outcome,
      ...(end.result === undefined ? {} : { result: boundResult(end.result, held.outputBytes) }),
      ...errorOf(outcome, end, held),
      ...(held.started === undefined ? {} : { started: held.started }),
      ended: this.#context.instant(),
      ...(held.startedMonoMs === undefined
        ? {}
        : { durationMs: Math.round((this.#context.now.monoMs - held.startedMonoMs) * 1000) / 1000 }),
      ...(held.checkpoint === undefined || outcome === 'succeeded' ? {} : { checkpoint: held.checkpoint }),
    }
    this.#table.finish(held, result)
    this.#keepResult(held)
  }

  /** Journals a result, then reports it. One that cannot be journaled is reported all the same. */
  #keepResult(held: Held): void {
    if (held.result === undefined) return
    const { task } = held
    this.#journaling.persist({ put: entryOf(held) }, (error) => {
      if (error !== undefined)
        this.#context.log('error', 'the journal does not keep a result', { task, error })
      held.reportable = true
      this.#reports.changed(held)
    })
  }

  /** A result need not be kept any more. */
  acknowledge(attempt: Attempt): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase !== 'done') return
    this.#table.drop(held)
    this.#reports.acknowledged(held)
    this.#journaling.persist({ drop: held.key })
  }

  /** The time of an attempt is over. */
  timeout(key: string): void {
    const held = this.#table.byKey(key)
    if (held?.phase === 'running') this.#end(held, 'timed_out')
  }

  /**
   * Ends everything and takes nothing more.
   * @returns the longest time that something may take to end, in milliseconds
   */
  endAll(): number {
    this.#stopping = true
    let graceMs = 0
    for (const held of this.#table.values()) {
      if (held.phase === 'done') continue
      graceMs = Math.max(graceMs, held.demand.graceMs)
      this.#end(held, 'interrupted')
    }
    return graceMs
  }

  /** True when nothing runs and every result may be told. */
  get idle(): boolean {
    for (const held of this.#table.values()) if (held.phase !== 'done' || !held.reportable) return false
    return true
  }
}

/** What the journal keeps of an attempt; a result that has come tells the rest. */
function entryOf({ attempt, task, spec, pid, gpus, checkpoint, result }: Held): JournalEntry {
  if (result !== undefined) return { attempt, task, spec, result }
  return {
    attempt,
    task,
    spec,
    ...(pid === undefined ? {} : { pid }),
    ...(gpus.length === 0 ? {} : { gpus }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  }
}

function errorOf(outcome: Outcome, end: RunEnd, held: Held): { error?: Failure } {
  if (outcome === 'timed_out') {
    return { error: failure('E_TIMEOUT', `it ran longer than its timeout of ${held.demand.timeoutMs} ms`) }
  }
  if (outcome === 'interrupted' && held.lapsed === true) {
    return { error: failure('E_LEASE', `no heartbeat of its device was heard for ${held.leaseMs} ms`) }
  }
  if (outcome === 'interrupted') return { error: failure('E_INTERRUPTED', 'the agent was stopped') }
  return end.error === undefined || outcome === 'succeeded' ? {} : { error: end.error }
}
