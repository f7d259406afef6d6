/**
 * Counts and times of a run, taken from what everybody could see, in virtual time or in real time. Of an unfinished
 * task it keeps a record, of one that has ended the way it ended; times go into sketches of percentiles.
 */
import { parseResources } from '../../shared/model/resources.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { type Beacon, type Inbox, isTerminal, type TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Packet } from '../broker/packet.ts'
import type { Band } from '../report/model.ts'
import { Sketch } from '../report/percentiles.ts'
import { Departures } from './departures.ts'

/** Attempts whose end has not been seen; one on a device that died never shows it, so the oldest give way. */
const ATTEMPTS_MAX = 200_000
export const BANDS_MAX = 1_000

interface Open {
  readonly acceptedMs: number
  placed: boolean
  /** Waits for a device now. */
  waiting: boolean
  device: string
  placedMs: number
  /** Counted by its coordinator as lost with a device. */
  lost: number
  /** Times that its status tells of that it was moved off a device under load. */
  relieved: number
  /** Losses that no new placement has followed yet, and placements whose loss was not published yet. */
  owed: number
  moves: number[]
  succeeded: boolean
}

interface Holder {
  readonly key: string
  readonly agent: string
  lastMs: number
  goneMs: number | undefined
}

/** Milliseconds since the start of the run. */
export interface RunClock {
  readonly nowMs: number
}

export class Metrics {
  receipted = 0
  endedTwice = 0
  attempts = 0
  reroutes = 0
  /** Times that a task was moved off a device under load. */
  relieved = 0
  duplicates = 0
  waiting = 0
  running = 0
  /** Thousandths of a core that running processes ask for. */
  cpuMilli = 0
  terms = 0
  readonly ended: Record<string, number> = {}
  readonly placedMs = new Sketch()
  readonly endedMs = new Sketch()
  readonly failoverMs = new Sketch()
  readonly rerouteMs = new Sketch()
  /** Times of tasks that ended since a sampler last took them. */
  readonly sampleMs: number[] = []
  readonly failovers: Band[] = []
  readonly departures = new Departures()

  readonly #clock: RunClock
  readonly #open = new Map<string, Open>()
  readonly #ends = new Map<string, string>()
  readonly #taskOf = new Map<string, string>()
  readonly #signMs = new Map<string, number>()
  readonly #goneMs = new Map<string, number>()
  #holder: Holder | undefined
  #termMax = 0

  constructor(clock: RunClock) {
    this.#clock = clock
  }

  receipt(): void {
    this.receipted++
  }

  /** A submitter's spec was accepted. */
  spec(task: string): void {
    if (this.#open.has(task) || this.#ends.has(task)) return
    this.waiting++
    this.#open.set(task, {
      acceptedMs: this.#clock.nowMs,
      placed: false,
      waiting: true,
      device: '',
      placedMs: 0,
      lost: 0,
      relieved: 0,
      owed: 0,
      moves: [],
      succeeded: false,
    })
  }

  /** The broker accepted a message of an agent. */
  message(packet: Packet): void {
    if (packet.body === undefined) return
    if (packet.route === 'beacon') this.#onBeacon(packet.body as Beacon)
    else if (packet.route === 'inbox') this.#onInbox(packet.address?.id ?? '', packet.body as Inbox)
    else if (packet.route === 'status') this.#onStatus(packet.body as TaskStatus)
  }

  /** A device was heard of. */
  sign(device: string): void {
    this.#signMs.set(device, this.#clock.nowMs)
  }

  /** What the broker forgot has not been promised any more. */
  lost(topics: readonly string[] | undefined): void {
    const tasks =
      topics === undefined ? [...this.#ends.keys()] : topics.map((topic) => parseTopic(topic)?.id ?? '')
    for (const task of tasks) this.#ends.delete(task)
  }

  /** The agent of a device is gone. */
  gone(device: string): void {
    const { nowMs } = this.#clock
    this.#goneMs.set(device, nowMs)
    if (this.#holder?.agent === device) this.#holder.goneMs ??= nowMs
  }

  /** A process started, or is gone. */
  process(cpuMilli: number, running: boolean): void {
    this.running += running ? 1 : -1
    this.cpuMilli += running ? cpuMilli : -cpuMilli
  }

  /** An agent learned that what it ran has succeeded, or not. */
  finished(attempt: string, succeeded: boolean): void {
    const task = this.#taskOf.get(attempt)
    this.#taskOf.delete(attempt)
    if (task === undefined || !succeeded) return
    const open = this.#open.get(task)
    // The end of a task follows its success, so a success of one that has ended is another.
    if (open === undefined || open.succeeded) this.duplicates++
    else open.succeeded = true
  }

  #onBeacon(beacon: Beacon): void {
    const { nowMs } = this.#clock
    const key = `${beacon.term}/${beacon.agent}/${beacon.nonce}`
    if (beacon.term > this.#termMax) {
      this.#termMax = beacon.term
      this.terms++
    }
    if (this.#holder?.key === key) {
      this.#holder.lastMs = nowMs
      return
    }
    if (this.#holder !== undefined) {
      const fromMs = this.#holder.goneMs ?? this.#holder.lastMs
      this.failoverMs.add(nowMs - fromMs)
      if (this.failovers.length < BANDS_MAX) {
        this.failovers.push({
          kind: 'failover',
          fromMs,
          toMs: nowMs,
          label: `${this.#holder.agent} to ${beacon.agent}`,
        })
      }
    }
    this.#holder = { key, agent: beacon.agent, lastMs: nowMs, goneMs: undefined }
  }

  #onInbox(device: string, inbox: Inbox): void {
    for (const { task, attempt } of inbox.assign) this.#place(task, attempt, device)
  }

  #place(task: string, attempt: Attempt, device: string): void {
    const key = attemptKey(attempt)
    if (this.#taskOf.has(key)) return
    this.attempts++
    this.#taskOf.set(key, task)
    if (this.#taskOf.size > ATTEMPTS_MAX) {
      const [oldest] = this.#taskOf.keys()
      if (oldest !== undefined) this.#taskOf.delete(oldest)
    }
    const open = this.#open.get(task)
    if (open === undefined) return
    const { nowMs } = this.#clock
    if (open.placed) {
      const moveMs = nowMs - this.#lastSign(open)
      if (open.owed > 0) {
        open.owed--
        this.rerouteMs.add(moveMs)
      } else open.moves.push(moveMs)
    } else this.placedMs.add(nowMs - open.acceptedMs)
    open.placed = true
    open.device = device
    open.placedMs = nowMs
    this.#wait(open, false)
  }

  /** When the device that holds the task was last known to be there. */
  #lastSign(open: Open): number {
    const goneMs = this.#goneMs.get(open.device) ?? 0
    const signMs = goneMs > open.placedMs ? goneMs : (this.#signMs.get(open.device) ?? 0)
    return Math.max(signMs, open.placedMs)
  }

  #onStatus(status: TaskStatus): void {
    const open = this.#open.get(status.task)
    if (open !== undefined) {
      this.#noteLosses(open, status.lost)
      for (const count = status.moves?.count ?? 0; open.relieved < count; open.relieved++) this.relieved++
    }
    if (!isTerminal(status.state)) {
      if (open !== undefined && status.state === 'pending') this.#wait(open, true)
      return
    }
    const end = `${status.state} ${status.attempt === undefined ? '' : attemptKey(status.attempt)}`
    const before = this.#ends.get(status.task)
    if (before !== undefined) {
      if (before !== end) this.endedTwice++
      return
    }
    this.#ends.set(status.task, end)
    this.ended[status.state] = (this.ended[status.state] ?? 0) + 1
    if (open === undefined) return
    const tookMs = this.#clock.nowMs - open.acceptedMs
    this.endedMs.add(tookMs)
    this.sampleMs.push(tookMs)
    this.#wait(open, false)
    this.#open.delete(status.task)
  }

  #noteLosses(open: Open, lost: number): void {
    for (; open.lost < lost; open.lost++) {
      this.reroutes++
      const moveMs = open.moves.shift()
      if (moveMs === undefined) open.owed++
      else this.rerouteMs.add(moveMs)
    }
    // Moves that no loss explains were retries.
    open.moves.length = 0
  }

  #wait(open: Open, waiting: boolean): void {
    if (open.waiting !== waiting) this.waiting += waiting ? 1 : -1
    open.waiting = waiting
  }
}

/** Thousandths of a core that a device of this capacity has. */
export function cpuMilliOf(capacity: Readonly<Record<string, string | number>>): number {
  return parseResources(capacity)['cpu'] ?? 0
}
