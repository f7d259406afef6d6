/**
 * The worker: what every agent does. It announces its device, admits what it is told to run, journals it,
 * runs it, ends it when it must, and reports until it is believed.
 *
 * The coordinator may die at any moment and orders may be lost, doubled or late, so nothing here depends on an
 * order arriving once: the fence judges it, the table knows what is held, and reports repeat what matters.
 */

import { type Failure, rejection } from '../../shared/errors/errors.ts'
import type { ErrorCode } from '../../shared/errors/table.ts'
import { parseResources, type Resources } from '../../shared/model/resources.ts'
import { DEFAULT_TIMEOUT_MS, demandOf } from '../../shared/model/task.ts'
import type { AgentInput, Journal, JournalEntry, Measured, RunEnd } from '../../shared/ports.ts'
import { type Attempt, attemptKey, type Reign } from '../../shared/protocol/attempt.ts'
import type {
  Assignment,
  AttemptResult,
  Beacon,
  DeviceState,
  Inbox,
  Outcome,
  ResultBody,
} from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import type { Context } from '../core/context.ts'
import { Fence } from './fence.ts'
import { type Held, HeldTable } from './held.ts'
import { Journaling } from './journaling.ts'
import { BIRTH_TIMER, CONNECT_TIMER, Membership } from './membership.ts'
import { FLUSH_TIMER, RESEND_TIMER, Reports } from './reports.ts'
import { boundResult } from './result-bound.ts'

const HEARTBEAT_TIMER = 'worker/heartbeat'
const STOP_TIMER = 'worker/stop'
const REIGN_TIMER = 'worker/reign'
/** Pauses between tries to put a reign on a disk that does not take it. */
const REIGN_RETRY_MS = 1_000
const REIGN_CAP_MS = 30_000
const TIMEOUT_TIMER = 'worker/timeout/'
/** Beyond this heartbeat period a new reign's inventory is spread over the difference. */
const REPORT_TOGETHER_MS = 1_000
/** How long a stop waits for work to end and the farewell to be acknowledged, on top of the longest grace. */
const STOP_MARGIN_MS = 2_000

export class Worker {
  readonly capacity: Resources
  readonly fence = new Fence()
  readonly membership: Membership
  readonly #context: Context
  readonly #journaling: Journaling
  readonly #table: HeldTable
  readonly #reports: Reports
  #heartbeatMs: number
  #heartbeatSeq = 0
  #reignTries = 0
  #stopping = false
  #left = false
  #farewellToken: number | undefined

  constructor(context: Context) {
    this.#context = context
    this.#heartbeatMs = context.timing.heartbeatMs
    this.capacity = parseResources(context.options.capacity)
    this.#journaling = new Journaling(context)
    this.membership = new Membership(context, this.#journaling)
    this.#table = new HeldTable(this.capacity)
    this.#reports = new Reports(context, this.fence, this.#table)
  }

  boot(journal: Journal | undefined): void {
    if (journal !== undefined) {
      this.fence.restore(journal.highest)
      this.#interrupt(journal.entries)
    }
    this.membership.boot(journal?.incarnation)
    this.#context.timer(HEARTBEAT_TIMER, this.#context.random.between(0, this.#heartbeatMs))
  }

  /** Whatever a former start left running is ended, and told as interrupted: it is never run twice here. */
  #interrupt(entries: readonly JournalEntry[]): void {
    if (entries.length > 0) this.#context.emit({ do: 'reap', entries })
    for (const entry of entries) {
      const result: AttemptResult = entry.result ?? {
        attempt: entry.attempt,
        task: entry.task,
        outcome: 'interrupted',
        error: failure('E_INTERRUPTED', 'the agent restarted while it held the attempt'),
        ended: this.#context.instant(),
      }
      const held = this.#table.restore(entry.attempt, entry.task, entry.spec, demandOf(entry.spec), result)
      if (entry.result === undefined) this.#keepResult(held)
      else held.reportable = true
    }
  }

  /** The subscriptions that every agent has. */
  subscriptions(): readonly { topic: string; qos: 0 | 1 }[] {
    const { topics, options } = this.#context
    return [
      { topic: topics.of('beacon'), qos: 1 },
      { topic: topics.of('inbox', options.device), qos: 1 },
      { topic: topics.of('state', options.device), qos: 1 },
    ]
  }

  linkDown(reason: string): void {
    this.fence.reconnected()
    this.membership.linkDown(reason)
    if (this.#stopping) this.#leave()
  }

  refused(topics: readonly string[]): void {
    this.fence.reconnected()
    this.membership.refused(topics)
  }

  subscribed(): void {
    this.membership.subscribed()
    this.#greet()
  }

  /** The first report of a connection: the coordinator learns what is held, at once. */
  #greet(): void {
    if (this.membership.online && this.fence.open) this.#reports.full(this.#inventoryDelayMs())
  }

  #inventoryDelayMs(): number {
    return Math.max(0, this.#context.random.float() * (this.#heartbeatMs - REPORT_TOGETHER_MS))
  }

  beacon(beacon: Beacon): void {
    const news = this.fence.beacon(beacon)
    if (news === 'lower') return
    this.#heartbeatMs = beacon.heartbeatMs
    if (news === 'first on connection') this.#greet()
    if (news !== 'new reign') return
    this.#keepReign(0)
  }

  /** Puts the highest reign on disk. Until it is there nothing is begun for it, but results are still told. */
  #keepReign(tries: number): void {
    const reign: Reign = this.fence.highest
    this.#journaling.persist({ highest: reign }, (error) => {
      this.fence.settled(reign, error === undefined)
      if (error !== undefined && reign === this.fence.highest) {
        this.#context.log('error', 'the journal does not keep the reign', { error, term: reign.term })
        this.#reignTries = tries + 1
        this.#context.timer(
          REIGN_TIMER,
          REIGN_RETRY_MS + backoffMs(this.#context.random, tries, REIGN_RETRY_MS, REIGN_CAP_MS),
        )
      }
      if (tries === 0) this.#greet()
    })
  }

  inbox(inbox: Inbox): void {
    const verdict = this.fence.admit(inbox)
    if (verdict !== 'accept') {
      this.#context.log('debug', 'order not taken', {
        verdict,
        term: inbox.term,
        agent: inbox.agent,
        seq: inbox.seq,
      })
      return
    }
    for (const attempt of inbox.revoke) this.#revoke(attempt)
    for (const attempt of inbox.ack) this.#acknowledge(attempt)
    for (const assignment of inbox.assign) this.#assign(assignment)
    if (inbox.full === true) this.#reports.full(0)
  }

  #assign(assignment: Assignment): void {
    const { attempt, task, spec } = assignment
    const known = this.#table.get(attempt)
    if (known?.task === task) return this.#reports.changed(known)
    const demand = demandOf(spec, DEFAULT_TIMEOUT_MS)
    const refuse = (code: ErrorCode, message: string) =>
      this.#reports.rejected({ attempt, task, error: failure(code, message) })
    // Only after a broker lost its store can a name come twice; the older attempt has nobody left to tell.
    if (known !== undefined && known.phase !== 'done')
      return refuse('E_ID_TAKEN', 'the attempt has another task here')
    if (known !== undefined) this.#acknowledge(attempt)
    if (this.fence.failing) return refuse('E_JOURNAL', 'the journal does not keep who is in office')
    if (this.#stopping) return refuse('E_CAPACITY', 'the agent is stopping')
    if (!this.#context.options.executors.includes(demand.executor)) {
      return refuse('E_EXECUTOR', `the device has no executor "${demand.executor}"`)
    }
    const refusal = this.#table.refusal(demand.resources)
    if (refusal !== undefined) return refuse('E_CAPACITY', refusal)
    const held = this.#table.admit(attempt, task, spec, demand)
    this.#journaling.persist({ put: { attempt, task, spec } }, (error) => {
      if (error === undefined) this.#run(held)
      else if (held.phase === 'queued') {
        this.#table.drop(held)
        this.#reports.forget(held)
        refuse('E_JOURNAL', `the attempt could not be journaled: ${error}`)
      }
    })
    this.#reports.changed(held)
  }

  #run(held: Held): void {
    // It may have been revoked while the journal wrote.
    if (held.phase === 'ending') return this.#finish(held, { outcome: 'failed' })
    held.phase = 'running'
    held.started = this.#context.instant()
    held.startedMonoMs = this.#context.now.monoMs
    this.#context.emit({ do: 'run', attempt: held.attempt, task: held.task, spec: held.spec })
    this.#context.timer(TIMEOUT_TIMER + held.key, held.demand.timeoutMs)
    this.#reports.changed(held)
  }

  started(attempt: Attempt, pid: number): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase === 'done') return
    held.pid = pid
    this.#journaling.persist({ put: { attempt, task: held.task, spec: held.spec, pid } })
  }

  output(attempt: Attempt, stream: 'stdout' | 'stderr', text: string): void {
    const held = this.#table.get(attempt)
    if (held === undefined || !this.membership.online) return
    this.#context.publish('device', 'log', held.task, { attempt, stream, seq: held.logSeq++, text })
  }

  #revoke(attempt: Attempt): void {
    const held = this.#table.get(attempt)
    if (held === undefined) {
      // Never received, or forgotten already: gone is what the coordinator wants to hear.
      return this.#reports.rejected({ attempt, error: failure('E_NOT_HELD', 'the device does not hold it') })
    }
    if (held.phase === 'done') return this.#reports.changed(held)
    this.#end(held, 'revoked')
  }

  /** Begins to end an attempt. A queued one ends when its journal entry has settled. */
  #end(held: Held, why: NonNullable<Held['ending']>): void {
    held.ending ??= why
    if (held.phase === 'running') {
      this.#context.emit({ do: 'kill', attempt: held.attempt, graceMs: held.demand.graceMs })
    }
    if (held.phase !== 'done') held.phase = 'ending'
    this.#reports.changed(held)
  }

  ended(attempt: Attempt, end: RunEnd): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase === 'done') return
    this.#finish(held, end)
  }

  #finish(held: Held, end: RunEnd): void {
    this.#context.cancelTimer(TIMEOUT_TIMER + held.key)
    // A command that succeeded although it was told to stop has succeeded, unless nobody wants it any more.
    const outcome: Outcome =
      held.ending === undefined || (held.ending !== 'revoked' && end.outcome === 'succeeded')
        ? end.outcome
        : held.ending
    const result: AttemptResult = {
      attempt: held.attempt,
      task: held.task,
      outcome,
      ...(end.result === undefined ? {} : { result: boundResult(end.result satisfies ResultBody) }),
      ...errorOf(outcome, end, held),
      ...(held.started === undefined ? {} : { started: held.started }),
      ended: this.#context.instant(),
      ...(held.startedMonoMs === undefined
        ? {}
        : { durationMs: Math.round((this.#context.now.monoMs - held.startedMonoMs) * 1000) / 1000 }),
    }
    this.#table.finish(held, result)
    this.#keepResult(held)
    if (this.#stopping) this.#leaveWhenIdle()
  }

  /** Journals a result, then reports it. One that cannot be journaled is reported all the same. */
  #keepResult(held: Held): void {
    const { attempt, task, spec, result } = held
    if (result === undefined) return
    this.#journaling.persist({ put: { attempt, task, spec, result } }, (error) => {
      if (error !== undefined)
        this.#context.log('error', 'the journal does not keep a result', { task, error })
      held.reportable = true
      this.#reports.changed(held)
    })
  }

  #acknowledge(attempt: Attempt): void {
    const held = this.#table.get(attempt)
    if (held === undefined || held.phase !== 'done') return
    this.#table.drop(held)
    this.#reports.acknowledged(held)
    this.#journaling.persist({ drop: held.key })
  }

  journaled(seq: number, error: string | undefined): void {
    this.#journaling.answered(seq, error)
  }

  ownState(state: DeviceState): void {
    this.membership.ownState(state)
  }

  /** @returns true when the timer was the worker's */
  timer(name: string): boolean {
    if (name === HEARTBEAT_TIMER) {
      this.#context.timer(HEARTBEAT_TIMER, this.#heartbeatMs)
      if (this.membership.online) this.#context.emit({ do: 'measure' })
    } else if (name === FLUSH_TIMER) {
      this.#reports.flush(this.membership.incarnation, this.membership.nonce, this.membership.online)
    } else if (name === RESEND_TIMER) this.#reports.resend()
    else if (name === CONNECT_TIMER) this.membership.connect()
    else if (name === BIRTH_TIMER) {
      this.membership.birthDue()
      this.#greet()
    } else if (name === REIGN_TIMER) {
      if (this.fence.failing) this.#keepReign(this.#reignTries)
    } else if (name === STOP_TIMER) this.#leave()
    else if (name.startsWith(TIMEOUT_TIMER)) this.#timeout(name.slice(TIMEOUT_TIMER.length))
    else return false
    return true
  }

  #timeout(key: string): void {
    const held = this.#table.byKey(key)
    if (held?.phase === 'running') this.#end(held, 'timed_out')
  }

  /** A heartbeat goes out whoever is in office: one of too low a reign learns from it that it must leave. */
  measured(load: Measured): void {
    if (!this.membership.online) return
    this.#context.publish('device', 'load', this.#context.options.device, {
      incarnation: this.membership.incarnation,
      nonce: this.membership.nonce,
      seq: ++this.#heartbeatSeq,
      highestTerm: this.fence.highest,
      inboxSeq: this.fence.seq,
      heldDigest: this.#table.digest(),
      ...load,
    })
  }

  /** Ends what runs, says goodbye, leaves. */
  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    let graceMs = 0
    for (const held of this.#table.values()) {
      if (held.phase === 'done') continue
      graceMs = Math.max(graceMs, held.demand.graceMs)
      this.#end(held, 'interrupted')
    }
    this.#context.timer(STOP_TIMER, graceMs + STOP_MARGIN_MS)
    this.#leaveWhenIdle()
  }

  #leaveWhenIdle(): void {
    for (const held of this.#table.values()) if (held.phase !== 'done' || !held.reportable) return
    if (!this.membership.online) return this.#leave()
    if (this.#farewellToken !== undefined) return
    this.#reports.flush(this.membership.incarnation, this.membership.nonce, this.membership.online)
    this.#farewellToken = this.membership.farewell()
  }

  acked(token: number): void {
    if (token === this.#farewellToken) this.#leave()
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.membership.close()
    this.#context.emit({ do: 'exit', code: 0 })
  }

  /** Attempts that the device holds now; for tests and the simulator's checkers. */
  holds(): readonly string[] {
    return [...this.#table.values()].map((held) => attemptKey(held.attempt))
  }

  /** The inputs that are the worker's alone. @returns true when it was one of them */
  step(input: AgentInput): boolean {
    if (input.in === 'journaled') {
      this.journaled(input.seq, input.error)
      if (this.#stopping) this.#leaveWhenIdle()
    } else if (input.in === 'started') this.started(input.attempt, input.pid)
    else if (input.in === 'output') this.output(input.attempt, input.stream, input.text)
    else if (input.in === 'ended') this.ended(input.attempt, input.end)
    else if (input.in === 'measured') this.measured(input.load)
    else return false
    return true
  }
}

function failure(code: ErrorCode, message: string): Failure {
  const { remedy } = rejection(code, '', message)
  return { code, message, remedy }
}

function errorOf(outcome: Outcome, end: RunEnd, held: Held): { error?: Failure } {
  if (outcome === 'timed_out') {
    return { error: failure('E_TIMEOUT', `it ran longer than its timeout of ${held.demand.timeoutMs} ms`) }
  }
  if (outcome === 'interrupted') return { error: failure('E_INTERRUPTED', 'the agent was stopped') }
  return end.error === undefined || outcome === 'succeeded' ? {} : { error: end.error }
}
