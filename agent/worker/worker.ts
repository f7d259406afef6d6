/**
 * The worker: what every agent does. It announces its device, admits what it is told to run, journals it,
 * runs it, ends it when it must, and reports until it is believed.
 *
 * The coordinator may die at any moment and orders may be lost, doubled or late, so nothing here depends on an
 * order arriving once: the fence judges it, the table knows what is held, and reports repeat what matters.
 */

import { parseCapacity } from '../../shared/model/gpus.ts'
import type { Resources } from '../../shared/model/resources.ts'
import type { AgentInput, Journal, Measured } from '../../shared/ports.ts'
import type { Reign } from '../../shared/protocol/attempt.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import type {
  Auction,
  Beacon,
  DeviceLoad,
  DeviceState,
  Inbox,
  TaskSpec,
} from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import type { Context } from '../core/context.ts'
import { Attempts, TIMEOUT_TIMER } from './attempts.ts'
import { Bidding } from './bidding.ts'
import { Fence } from './fence.ts'
import { Gauge } from './gauge.ts'
import { HeldTable } from './held.ts'
import { Journaling } from './journaling.ts'
import { LEASE_TIMER, Leases } from './leases.ts'
import { BIRTH_TIMER, CONNECT_TIMER, Membership } from './membership.ts'
import { FLUSH_TIMER, RESEND_TIMER, Reports } from './reports.ts'

const HEARTBEAT_TIMER = 'worker/heartbeat'
const STOP_TIMER = 'worker/stop'
const REIGN_TIMER = 'worker/reign'
/** Pauses between tries to put a reign on a disk that does not take it. */
const REIGN_RETRY_MS = 1_000
const REIGN_CAP_MS = 30_000
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
  readonly #leases: Leases
  readonly #attempts: Attempts
  readonly #bidding: Bidding
  readonly #gauge: Gauge
  #heartbeatMs: number
  #heartbeatSeq = 0
  #reignTries = 0
  #stopping = false
  #left = false
  #farewellToken: number | undefined

  constructor(context: Context) {
    this.#context = context
    this.#heartbeatMs = context.timing.heartbeatMs
    this.capacity = parseCapacity(context.options.capacity)
    this.#journaling = new Journaling(context)
    this.membership = new Membership(context, this.#journaling)
    this.#table = new HeldTable(this.capacity)
    this.#reports = new Reports(context, this.fence, this.#table)
    this.#leases = new Leases(context)
    this.#bidding = new Bidding(context, this.fence, this.#table)
    this.#gauge = new Gauge(context)
    const [table, journaling] = [this.#table, this.#journaling]
    this.#attempts = new Attempts(context, this.fence, table, journaling, this.#reports, this.#leases)
  }

  boot(journal: Journal | undefined): void {
    if (journal !== undefined) {
      this.fence.restore(journal.highest)
      this.#attempts.restore(journal.entries)
    }
    this.membership.boot(journal?.incarnation)
    this.#context.timer(HEARTBEAT_TIMER, this.#context.random.between(0, this.#heartbeatMs))
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
    this.#bidding.linkDown()
    this.membership.linkDown(reason)
    if (this.#stopping) this.#leave()
  }

  /** Topics that a broker may refuse. */
  doesWithout(topic: string): boolean {
    return this.#bidding.doesWithout(topic)
  }

  refused(topics: readonly string[]): void {
    this.fence.reconnected()
    this.#bidding.linkDown()
    this.membership.refused(topics)
  }

  subscribed(): void {
    this.#leases.reconnected()
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
    this.#bidding.listen(beacon.auctions === true)
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
    if (inbox.ackSeq !== undefined && inbox.ackNonce === this.membership.nonce)
      this.#attempts.heard(inbox.ackSeq)
    for (const attempt of inbox.revoke) this.#attempts.revoke(attempt)
    for (const attempt of inbox.ack) this.#attempts.acknowledge(attempt)
    for (const assignment of inbox.assign) this.#attempts.assign(assignment)
    for (const { task, spec, outputBytes, elements } of inbox.batches ?? []) {
      for (const { n, element, input, gpus, checkpoint } of elements) {
        const attempt = { term: inbox.term, agent: inbox.agent, n }
        const own = { ...spec, ...elementInput(spec, input) }
        const given = {
          ...(gpus === undefined ? {} : { gpus }),
          ...(checkpoint === undefined ? {} : { checkpoint }),
        }
        const order = { attempt, task: elementName(task, element), spec: own, ...given }
        this.#attempts.assign(order, outputBytes)
      }
    }
    if (inbox.full === true) this.#reports.full(0)
  }

  /** @returns true when the connection was given up for it */
  ownState(state: DeviceState | undefined): boolean {
    const left = this.membership.ownState(state)
    if (left) {
      this.fence.reconnected()
      this.#bidding.linkDown()
    }
    return left
  }

  /** @returns true when the timer was the worker's */
  timer(name: string): boolean {
    if (name === HEARTBEAT_TIMER) {
      this.#context.timer(HEARTBEAT_TIMER, this.#heartbeatMs)
      // The monotonic clock, and with it the timer of leases, may have stood still.
      this.#attempts.endLapsed()
      if (this.membership.online) this.#gauge.measure('heartbeat')
    } else if (name === FLUSH_TIMER) {
      this.#reports.flush(this.membership.incarnation, this.membership.nonce, this.membership.online)
    } else if (name === RESEND_TIMER) this.#reports.resend()
    else if (name === CONNECT_TIMER) this.membership.connect()
    else if (name === BIRTH_TIMER) {
      this.membership.birthDue()
      this.#greet()
    } else if (name === REIGN_TIMER) {
      if (this.fence.failing) this.#keepReign(this.#reignTries)
    } else if (name === LEASE_TIMER) this.#attempts.endLapsed()
    else if (name === STOP_TIMER) this.#leave()
    else if (name.startsWith(TIMEOUT_TIMER)) this.#attempts.timeout(name.slice(TIMEOUT_TIMER.length))
    else return false
    return true
  }

  /** A round of an auction has begun. */
  auction(auction: Auction): void {
    if (this.#stopping || !this.membership.online) return
    if (this.#bidding.announced(auction)) this.#gauge.measure('bid')
  }

  measured(found: Measured): void {
    const { purpose, load } = this.#gauge.read(found)
    if (!this.membership.online) return
    if (purpose === 'heartbeat') this.#beat(load)
    else if (!this.#stopping) this.#bidding.answer(load, this.membership.incarnation)
  }

  /** A heartbeat goes out whoever is in office: one of too low a reign learns from it that it must leave. */
  #beat(load: Measured): void {
    this.#leases.sent(++this.#heartbeatSeq)
    const beat = {
      incarnation: this.membership.incarnation,
      nonce: this.membership.nonce,
      seq: this.#heartbeatSeq,
      highestTerm: this.fence.highest,
      inboxSeq: this.fence.seq,
      heldDigest: this.#table.digest(),
    }
    this.#context.publish('device', 'load', this.#context.options.device, addLoad(beat, load))
  }

  /** Ends what runs, says goodbye, leaves. */
  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#context.timer(STOP_TIMER, this.#attempts.endAll() + STOP_MARGIN_MS)
    this.#leaveWhenIdle()
  }

  #leaveWhenIdle(): void {
    if (!this.#attempts.idle) return
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

  /** The inputs that are the worker's alone. @returns true when it was one of them */
  step(input: AgentInput): boolean {
    switch (input.in) {
      case 'journaled':
        this.#journaling.answered(input.seq, input.error)
        break
      case 'started':
        this.#attempts.started(input.attempt, input.pid)
        break
      case 'output':
        if (this.membership.online) this.#attempts.output(input.attempt, input.stream, input.text)
        break
      case 'checkpoint':
        this.#attempts.checkpoint(input.attempt, input.value)
        break
      case 'ended':
        this.#attempts.ended(input.attempt, input.end)
        break
      case 'measured':
        this.measured(input.load)
        break
      default:
        return false
    }
    if (this.#stopping) this.#leaveWhenIdle()
    return true
  }
}

/**
 * Adds what was measured to a heartbeat. By name: a spread adds one field after another by look-up, and no message is
 * made as often.
 */
function addLoad(beat: DeviceLoad, load: Measured): DeviceLoad {
  const { cpu, cpuTotal, memoryUsed, memoryTotal, diskFree, uptime, temperature, battery } = load
  if (cpu !== undefined) beat.cpu = cpu
  if (cpuTotal !== undefined) beat.cpuTotal = cpuTotal
  if (memoryUsed !== undefined) beat.memoryUsed = memoryUsed
  if (memoryTotal !== undefined) beat.memoryTotal = memoryTotal
  if (diskFree !== undefined) beat.diskFree = diskFree
  if (uptime !== undefined) beat.uptime = uptime
  if (temperature !== undefined) beat.temperature = temperature
  if (battery !== undefined) beat.battery = battery
  return beat
}

/** An element's input; beside it, in one object, what all elements of its array are told. */
function elementInput({ input: shared }: TaskSpec, input: unknown): { input?: unknown } {
  if (input === undefined) return {}
  return { input: shared === undefined ? input : { ...(shared as object), input } }
}
