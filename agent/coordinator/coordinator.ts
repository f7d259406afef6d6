/**
 * The coordinator: what the agent that holds the seat does. It restores what its predecessors knew, then takes
 * tasks in, places them, follows them to their one end, and watches the fleet.
 *
 * This file is the front door: it takes messages, timers and acknowledgements and hands each to the part that
 * it concerns. A task's way: intake → scheduler → lifecycle → inboxes ⇢ device ⇢ fleet → lifecycle → statuses.
 */

import type { LinkName, Subscription } from '../../shared/ports.ts'
import type { Reign } from '../../shared/protocol/attempt.ts'
import type { Incoming } from '../../shared/protocol/codec.ts'
import { type Beacon, isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import { INVENTORY_INTERVALS } from '../core/options.ts'
import { Arrays } from './arrays.ts'
import { Auctions, ROUND_TIMER } from './auctions.ts'
import { DUE_TIMER, type Due } from './due.ts'
import { Endings } from './endings.ts'
import { Fleet } from './fleet.ts'
import { INBOX_TIMER } from './inboxes.ts'
import { Intake } from './intake.ts'
import { Lifecycle } from './lifecycle.ts'
import type { Mirror } from './mirror.ts'
import { Office, RUN_TIMER } from './office.ts'
import { Operators } from './operators.ts'
import { PAGE_TIMER } from './pages.ts'
import { Preemption } from './preemption.ts'
import { Rebalancer } from './rebalancer.ts'
import { Restore } from './restore.ts'
import type { Decision } from './scheduler/decision.ts'
import { STATUS_TIMER } from './statuses.ts'
import { Successors } from './successors.ts'
import type { TaskRecord } from './task-record.ts'
import { Waits } from './waits.ts'

const SETTLE_TIMER = 'coordinator/settle'
const WINDOW_TIMER = 'coordinator/window'
const TICK_TIMER = 'coordinator/tick'
/** A warm copy that is not complete by then belongs to an agent that should not be in office. */
const READING_MS_MAX = 30_000
const READING_TIMER = 'coordinator/reading'
/** Decisions in one go, before messages get their turn again. */
const DECISIONS_MAX = 1_000
/** Windows after which a result of an unknown task is of one that was forgotten. */
const UNKNOWN_WINDOWS = 3

type Phase = 'reading' | 'inventory' | 'serving'

export interface CoordinatorEvents {
  /** A device has seen this reign. */
  learn(reign: Reign): void
  /** What the beacon says is another now. */
  beaconChanged(): void
  /** The coordinator cannot go on. */
  leave(reason: string): void
}

export class Coordinator {
  readonly #context: Context
  readonly #mirror: Mirror
  readonly #events: CoordinatorEvents
  readonly #nonce: string
  readonly #office: Office
  readonly #endings: Endings
  readonly #lifecycle: Lifecycle
  readonly #successors: Successors
  readonly #fleet: Fleet
  readonly #rebalancer: Rebalancer
  readonly #preemption: Preemption
  readonly #waits: Waits
  readonly #arrays: Arrays
  readonly #auctions: Auctions
  readonly #intake: Intake
  readonly #operators: Operators
  readonly #restore: Restore
  readonly #sinceMs: number
  #phase: Phase = 'reading'
  #markerSeen = false
  #tickMs = 0

  /** @param earlierLeaseMs the longest lease that the coordinator before may have given; 0 when none is known of */
  constructor(
    context: Context,
    mirror: Mirror,
    reign: Reign,
    nonce: string,
    earlierLeaseMs: number,
    events: CoordinatorEvents,
  ) {
    this.#context = context
    this.#mirror = mirror
    this.#events = events
    this.#nonce = nonce
    this.#sinceMs = context.now.monoMs
    const config = mirror.config !== undefined && 'body' in mirror.config ? mirror.config.body : undefined
    this.#office = new Office(context, reign, config, earlierLeaseMs)
    this.#endings = new Endings(this.#office, (task) => this.#successors.settled(task))
    this.#lifecycle = new Lifecycle(this.#office, this.#endings)
    this.#successors = new Successors(this.#office, this.#lifecycle, this.#endings)
    this.#fleet = new Fleet(
      this.#office,
      this.#lifecycle,
      (seen) => events.learn(seen),
      (id) => mirror.wish(id),
    )
    this.#rebalancer = new Rebalancer(this.#office, this.#lifecycle)
    this.#preemption = new Preemption(this.#office, this.#lifecycle, this.#endings.statuses)
    this.#waits = new Waits(this.#office, this.#preemption, this.#endings.statuses)
    this.#arrays = new Arrays(this.#office, this.#lifecycle, this.#endings, mirror)
    this.#intake = new Intake(
      this.#office,
      this.#lifecycle,
      this.#endings,
      this.#successors,
      this.#arrays,
      this.#windowMs(),
    )
    this.#auctions = new Auctions(this.#office, () => events.beaconChanged())
    this.#operators = new Operators(this.#office, this.#fleet, config !== undefined, () =>
      events.beaconChanged(),
    )
    this.#restore = new Restore(this.#office, mirror)
    this.#mark()
    context.timer(READING_TIMER, READING_MS_MAX)
    this.#office.event('elected', `${reign.agent} holds the seat in term ${reign.term}`)
  }

  /** What is heard on the seat's own connection. */
  static subscriptions(context: Context): readonly Subscription[] {
    const { topics } = context
    return [
      { topic: topics.of('beacon'), qos: 1 },
      { topic: topics.all('load'), qos: 0 },
      { topic: topics.all('report'), qos: 1 },
      { topic: topics.all('bid'), qos: 0 },
    ]
  }

  static readonly timers = [
    SETTLE_TIMER,
    WINDOW_TIMER,
    TICK_TIMER,
    READING_TIMER,
    RUN_TIMER,
    ROUND_TIMER,
    INBOX_TIMER,
    STATUS_TIMER,
    PAGE_TIMER,
    DUE_TIMER,
  ]

  /** What the beacon says to devices. */
  get beacon(): Pick<Beacon, 'heartbeatMs' | 'leaseMs' | 'auctions' | 'configRefused'> {
    const { heartbeatMs, leases } = this.#office
    const auctions = this.#auctions.wanted ? { auctions: true } : {}
    return {
      heartbeatMs: Math.round(heartbeatMs),
      leaseMs: leases.longestMs,
      ...auctions,
      ...this.#operators.refusal,
    }
  }

  get serving(): boolean {
    return this.#phase === 'serving'
  }

  #windowMs(): number {
    const { intervalMs, heartbeatMs } = this.#context.timing
    return INVENTORY_INTERVALS * Math.max(intervalMs, heartbeatMs)
  }

  /** A message of either link; the mirror has it already. */
  message(message: Incoming, link: LinkName): void {
    if (link === 'seat' && message.route === 'state') this.#fleet.stateRead(message.id)
    if (message.route === 'marker') return this.#marker(message)
    if (message.route === 'load' && 'body' in message) {
      if (this.serving) this.#fleet.load(message.id, message.body)
      else {
        this.#events.learn(message.body.highestTerm)
        this.#restore.load(message.id, message.body)
      }
    } else if (message.route === 'report' && 'body' in message) this.#report(message.id, message.body)
    else if (message.route === 'state') this.#state(message)
    else if (this.serving) this.#serve(message)
  }

  #report(id: string, report: Parameters<Fleet['report']>[1]): void {
    if (this.serving) return this.#fleet.report(id, report)
    this.#events.learn(report.highestTerm)
    this.#restore.report(id, report)
    this.#closeIfComplete()
  }

  #state(message: Extract<Incoming, { route: 'state' }>): void {
    if ('body' in message) {
      if (this.serving) this.#fleet.state(message.id, message.body)
      else {
        this.#restore.state(message.id, message.body)
        this.#closeIfComplete()
      }
    } else if ('empty' in message && this.serving) this.#fleet.forget(message.id)
  }

  /** Messages that only a serving coordinator acts on; before that the mirror keeps them. */
  #serve(message: Incoming): void {
    if (message.route === 'spec') {
      if (!this.#intake.found(message)) this.#intake.spec(message)
    } else if (message.route === 'status') {
      const { term, agent } = this.#office.reign
      if ('empty' in message) this.#intake.statusCleared(message.id)
      else if ('body' in message && (message.body.term !== term || message.body.agent !== agent)) {
        this.#intake.foreignStatus(message.id, message.body)
      }
    } else if (message.route === 'results') {
      if ('body' in message) this.#arrays.page(message.id, message.page ?? '')
    } else if (message.route === 'bid') {
      if ('body' in message) this.#auctions.bid(message.id, message.body)
    } else if (message.route === 'desired') this.#operators.desired(message)
    else if (message.route === 'config') {
      this.#operators.config(message)
      this.#auctions.configured()
    }
  }

  /** The marker came back on the warm copy's connection: what was retained is there, or about to be. */
  #marker(message: Extract<Incoming, { route: 'marker' }>): void {
    if (this.#phase !== 'reading' || !('body' in message) || message.body.nonce !== this.#nonce) return
    this.#markerSeen = true
    this.#settle()
  }

  /** The copy is being followed from now on. */
  copyFollowed(): void {
    if (this.#phase !== 'reading') return
    // The marker may have gone by while the copy's connection was away.
    if (!this.#markerSeen) this.#mark()
    this.#settle()
  }

  /**
   * The copy has been emptied and is being read again. Until the coordinator serves it must not be taken for what there
   * is: everything that the copy shows is waited for once more.
   */
  copyBegunAnew(): void {
    if (this.serving) return
    this.#phase = 'reading'
    this.#markerSeen = false
    this.#context.cancelTimer(WINDOW_TIMER)
    this.#context.timer(READING_TIMER, READING_MS_MAX)
  }

  #mark(): void {
    this.#context.publish('seat', 'marker', undefined, { nonce: this.#nonce })
  }

  /** Some brokers let the marker overtake what is retained: wait until that has been quiet. */
  #settle(): void {
    if (this.#phase !== 'reading' || !this.#markerSeen) return
    const quietMs = this.#mirror.quietMs(this.#context.now.monoMs)
    if (quietMs === undefined) return
    const leftMs = this.#context.timing.settleMs - quietMs
    if (leftMs > 0) return this.#context.timer(SETTLE_TIMER, leftMs)
    this.#context.cancelTimer(READING_TIMER)
    this.#phase = 'inventory'
    this.#restore.open()
    this.#context.timer(WINDOW_TIMER, this.#windowMs())
    this.#closeIfComplete()
  }

  #closeIfComplete(): void {
    if (this.#phase === 'inventory' && this.#restore.complete) this.#close()
  }

  #close(): void {
    const { missing } = this.#restore
    this.#phase = 'serving'
    this.#context.cancelTimer(WINDOW_TIMER)
    // They may have come since this coordinator was elected.
    if (this.#mirror.config !== undefined) this.#serve(this.#mirror.config)
    this.#restore.close(this.#fleet, this.#intake, this.#lifecycle, this.#arrays)
    this.#arrays.orphans(UNKNOWN_WINDOWS * this.#windowMs())
    this.#office.paceHeartbeats()
    this.#tickMs = this.#context.now.monoMs
    this.#context.timer(TICK_TIMER, this.#context.timing.intervalMs)
    const tookMs = Math.round(this.#tickMs - this.#sinceMs)
    this.#office.event(
      'serving',
      `restored ${this.#office.ledger.size} tasks in ${tookMs} ms; ${missing} devices silent`,
    )
    this.#context.log('info', 'serving', { tasks: this.#office.ledger.size, tookMs, silent: missing })
    this.#office.wake()
  }

  acked(token: number): void {
    if (!this.#endings.statuses.acked(token)) this.#endings.elements.pages.acked(token)
  }

  /** @returns true when the timer was the coordinator's */
  timer(name: string): boolean {
    if (name === RUN_TIMER) this.#run()
    else if (name === ROUND_TIMER) this.#auctions.timer()
    else if (name === INBOX_TIMER) this.#office.inboxes.flush()
    else if (name === STATUS_TIMER) this.#endings.statuses.flush()
    else if (name === PAGE_TIMER) this.#endings.elements.pages.flush()
    else if (name === DUE_TIMER) for (const due of this.#office.due.take()) this.#dueNow(due)
    else if (name === TICK_TIMER) this.#tick()
    else if (name === SETTLE_TIMER) this.#settle()
    else if (name === WINDOW_TIMER) {
      if (this.#phase === 'inventory') this.#close()
    } else if (name === READING_TIMER) {
      if (this.#phase === 'reading') this.#events.leave('the warm copy did not complete in time')
    } else return false
    return true
  }

  #run(): void {
    this.#office.woken()
    if (!this.serving) return
    const { scheduler } = this.#office
    const reserve = (decision: Decision) =>
      this.#lifecycle.placing.place(this.#rebalancer.placed(this.#preemption.placed(decision)))
    const pauseMs = scheduler.run(this.#context.now, DECISIONS_MAX, reserve, (tasks, explanation) =>
      this.#waits.explain(tasks, explanation),
    )
    if (pauseMs === 0) this.#office.wake()
    else if (pauseMs !== undefined) this.#office.due.add(pauseMs, 'batch', '')
    this.#auctions.open()
  }

  #dueNow(due: Due): void {
    if (due.kind === 'lost') return this.#fleet.graceOver(due.id, due.mark)
    if (due.kind === 'doubt') return this.#intake.doubtDue(due.mark)
    if (due.kind === 'pages') return this.#arrays.orphanDue(due.id)
    if (due.kind === 'batch') return this.#office.wake()
    const task = this.#office.ledger.find(due.id)
    if (task === undefined) return
    if (due.kind === 'orphan') return this.#intake.orphanDue(task, due.mark)
    if (due.kind === 'expire') {
      if (isTerminal(task.state)) this.#endings.expire(task)
    } else if (due.kind === 'lease') this.#lifecycle.leaseOver(task, due.mark)
    else if (due.kind === 'stopped') this.#lifecycle.stopOverdue(task, due.mark)
    else if (due.kind === 'deadline') this.#deadline(task)
    else if (due.kind === 'predecessor') this.#successors.overdue(task)
    else if (due.kind === 'retry') {
      const waits =
        task.state === 'pending' && task.stopping === undefined && String(task.notBeforeMs) === due.mark
      if (waits) this.#lifecycle.placing.enqueue(task)
    }
  }

  #deadline(task: TaskRecord): void {
    const deadlineMs = task.demand?.deadlineMs
    if (isTerminal(task.state) || deadlineMs === undefined) return
    const leftMs = deadlineMs - this.#context.now.wallMs
    // The wall clock may have been set back meanwhile.
    if (leftMs > 0) return this.#office.due.add(leftMs, 'deadline', task.id)
    const error = { code: 'E_DEADLINE', message: `it had to end by ${new Date(deadlineMs).toISOString()}` }
    this.#lifecycle.stop(task, { state: 'timed_out', explanation: error.message, error })
  }

  #tick(): void {
    const { intervalMs } = this.#context.timing
    const { monoMs } = this.#context.now
    const lateMs = monoMs - this.#tickMs - intervalMs
    this.#tickMs = monoMs
    this.#context.timer(TICK_TIMER, intervalMs)
    if (monoMs - this.#sinceMs > UNKNOWN_WINDOWS * this.#windowMs()) this.#fleet.unknownMayCome = false
    this.#office.paceHeartbeats()
    this.#fleet.watch(lateMs > intervalMs ? lateMs : 0)
    this.#rebalancer.tick()
    this.#preemption.tick()
    this.#waits.tick()
  }

  /** Out of office: nothing of it may fire any more. */
  close(): void {
    for (const name of Coordinator.timers) this.#context.cancelTimer(name)
  }
}
