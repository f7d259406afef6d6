/** The client: submits tasks, waits for them, and reads what the mesh says of itself. */
import { CoveyError, type Rejection } from '../shared/errors/errors.ts'
import { checkBody, type Incoming, isWithdraw } from '../shared/protocol/codec.ts'
import type {
  Beacon,
  Desired,
  ElementResult,
  MeshConfig,
  TaskSpec,
  TaskStatus,
  Withdraw,
} from '../shared/protocol/schemas/index.ts'
import type { Topics } from '../shared/protocol/topics.ts'
import type { BoundedQueue } from './bounded-queue.ts'
import { deadline } from './deadline.ts'
import { type Device, mergeDevice } from './device.ts'
import { type DrainedOptions, untilDrained } from './drained.ts'
import { bodyOf, readMessage } from './incoming.ts'
import type { Link } from './link.ts'
import type { Json } from './merge.ts'
import { type ResultsOptions, resultsOf } from './results.ts'
import { type ReadLimits, readOne, readRetained } from './retained.ts'
import { revise } from './revise.ts'
import { checkId, InvalidSpecError, type Receipt, type SubmitOptions, submit } from './submit.ts'
import { type WaitOptions, waitFor } from './wait.ts'
import { Watch } from './watch.ts'

export const READ_TIMEOUT_MS = 10_000
export const SETTLE_MS = 200
/** A coordinator that misses this many beacons counts as gone. */
const LEASE_INTERVALS = 3

/** What is known of the seat. */
export interface Coordinator {
  /** The last beacon; a retained one may be older than its holder's death. */
  readonly beacon: Beacon
  /** Whether a beacon came while we listened; `undefined` when that was not asked. */
  readonly live?: boolean
}

export interface WishOptions {
  /** Limit for the acknowledgement. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export class Client {
  readonly mesh: string
  /** Live streams of changes; each is bounded, see `Watch`. */
  readonly watch: Watch
  readonly #link: Link
  readonly #topics: Topics
  readonly #limits: ReadLimits

  /** Use `connect`. */
  constructor(link: Link, topics: Topics, limits: Partial<ReadLimits> = {}) {
    this.mesh = topics.mesh
    this.watch = new Watch(link, topics)
    this.#link = link
    this.#topics = topics
    this.#limits = { settleMs: SETTLE_MS, timeoutMs: READ_TIMEOUT_MS, ...limits }
  }

  /** Why there is no connection at the moment; `undefined` while there is one. */
  get down(): string | undefined {
    return this.#link.down
  }

  /** Submits a task; see submit.ts for what the receipt proves and for the errors. */
  submit(spec: TaskSpec, options: SubmitOptions = {}): Promise<Receipt> {
    return submit(this.#link, this.#topics, spec, options)
  }

  /** Waits for the terminal status of a task; see wait.ts for the errors. */
  async wait(id: string, options: WaitOptions = {}): Promise<TaskStatus> {
    checkId(id)
    return waitFor(this.#link, this.#topics, id, options)
  }

  /** Each result of an array's elements, as it comes; see results.ts for the end and the errors. */
  results(id: string, options: ResultsOptions = {}): BoundedQueue<ElementResult> {
    checkId(id)
    return resultsOf(this.#link, this.#topics, id, options)
  }

  /**
   * Asks for the end of a task. Resolves when the broker has acknowledged the wish; the status `cancelled` (or
   * another, if the task was faster) follows, see `wait`. A withdrawal of an unknown id ends as `cancelled` too.
   *
   * @throws CoveyError E_ID, E_BROKER_REFUSED, E_WAIT_TIMEOUT
   */
  async withdraw(id: string, options: WishOptions = {}): Promise<void> {
    checkId(id)
    const wish: Withdraw = { withdraw: true }
    await this.#wish(this.#topics.of('spec', id), wish, `the withdrawal of ${id}`, options)
  }

  /**
   * Sets what the whole mesh goes by, in place of all that was set before; what is not named gets its default. Resolves
   * when the broker has acknowledged it and handed it back.
   *
   * @param config also as a function of what is set now, which may have been refused by the coordinator; it may be
   * called again when others change it at the same time, and what they changed is kept, see revise.ts
   * @throws InvalidSpecError, CoveyError E_BROKER_REFUSED, E_WAIT_TIMEOUT, and what the function throws
   */
  async configure(
    config: MeshConfig | ((now: Json) => MeshConfig),
    options: WishOptions = {},
  ): Promise<void> {
    const next = typeof config === 'function' ? config : () => config
    await this.#revise('config', undefined, 'the settings', next, next !== config, options)
  }

  /**
   * Says what is wanted of a device, in place of what was; `{}` opens it. Resolves as `configure` does, and knows not
   * whether there is such a device.
   *
   * @param desired also as a function of what was wanted, `{}` where no coordinator would take what is written there
   * @throws as `configure`, CoveyError E_ID
   */
  async desire(
    id: string,
    desired: Desired | ((now: Desired) => Desired),
    options: WishOptions = {},
  ): Promise<void> {
    checkId(id)
    const next = (now: object) => {
      if (typeof desired !== 'function') return desired
      return desired(checkBody('desired', now) === undefined ? now : {})
    }
    await this.#revise('desired', id, `what is wanted of ${id}`, next, typeof desired !== 'function', options)
  }

  /** Waits until devices that are drained hold nothing any more; see drained.ts for the errors. */
  async drained(ids: readonly string[], options: DrainedOptions = {}): Promise<void> {
    for (const id of ids) checkId(id)
    await untilDrained(this, ids, options)
  }

  /** Changes what an operator has written; nothing is retained where nothing is wanted. */
  async #revise(
    route: 'config' | 'desired',
    id: string | undefined,
    what: string,
    next: (now: Json) => object,
    whole: boolean,
    options: WishOptions,
  ): Promise<void> {
    const change = (now: Json) => {
      const body = JSON.parse(JSON.stringify(next(now)))
      const fault = checkBody(route, body)
      if (fault !== undefined) throw new InvalidSpecError(fault, what)
      return body
    }
    const timeoutMs = options.timeoutMs ?? READ_TIMEOUT_MS
    const limits = { timeoutMs, signal: options.signal, whole }
    await revise(this.#link, this.#topics.of(route, id), this.#limits, what, change, limits)
  }

  /** Publishes what is wished for, retained. */
  async #wish(topic: string, wish: object, what: string, options: WishOptions): Promise<void> {
    const timeoutMs = options.timeoutMs ?? READ_TIMEOUT_MS
    const failure = () => {
      const why = this.#link.down === undefined ? '' : `: the connection is lost: ${this.#link.down}`
      const message = `the broker did not acknowledge ${what} within ${timeoutMs} ms${why}`
      return new CoveyError('E_WAIT_TIMEOUT', message)
    }
    const limit = deadline(timeoutMs, failure, options.signal)
    try {
      await this.#link.publish(topic, JSON.stringify(wish), true, limit.signal)
    } finally {
      limit.done()
    }
  }

  /** The status of a task; `undefined` when the mesh knows none of that id. */
  async status(id: string): Promise<TaskStatus | undefined> {
    checkId(id)
    return bodyOf(await this.#readOne(this.#topics.of('status', id)), 'status')
  }

  /** The spec that the broker holds: of a task that has not ended, or a wish to withdraw it. */
  async spec(id: string): Promise<TaskSpec | Withdraw | undefined> {
    checkId(id)
    return bodyOf(await this.#readOne(this.#topics.of('spec', id)), 'spec')
  }

  /** The statuses of all tasks that the mesh remembers, by id. */
  async tasks(): Promise<TaskStatus[]> {
    const found = new Map<string, TaskStatus>()
    await readRetained(this.#link, [this.#topics.all('status')], this.#limits, (topic, payload, retained) => {
      const message = readMessage(this.#topics, topic, payload, retained)
      if (message === undefined) return
      const status = bodyOf(message, 'status')
      if (status !== undefined) found.set(message.id, status)
      else if ('empty' in message) found.delete(message.id)
    })
    return [...found.values()].sort((a, b) => (a.task < b.task ? -1 : 1))
  }

  /** The specs of all tasks that have not ended, by id; of what is to be withdrawn there is none. */
  async specs(): Promise<Map<string, TaskSpec>> {
    const found = new Map<string, TaskSpec>()
    await readRetained(this.#link, [this.#topics.all('spec')], this.#limits, (topic, payload, retained) => {
      const message = readMessage(this.#topics, topic, payload, retained)
      if (message === undefined) return
      const spec = bodyOf(message, 'spec')
      if (spec !== undefined && !isWithdraw(spec)) found.set(message.id, spec)
      else found.delete(message.id)
    })
    return found
  }

  /** What the mesh goes by; `undefined` when nobody has set anything that a coordinator would take. */
  async config(): Promise<MeshConfig | undefined> {
    return (await this.settings()).config
  }

  /** What is set, or why a coordinator does not take it; neither when nobody has set anything. */
  async settings(): Promise<{ readonly config?: MeshConfig; readonly fault?: Rejection }> {
    const message = await this.#readOne(this.#topics.of('config'))
    if (message !== undefined && 'rejection' in message) return { fault: message.rejection }
    const config = bodyOf(message, 'config')
    return config === undefined ? {} : { config }
  }

  /**
   * All devices that the mesh remembers, by id.
   *
   * @param options.loadWaitMs how long to listen for heartbeats, which are not retained; 0 leaves `load` out
   */
  async devices(options: { loadWaitMs?: number } = {}): Promise<Device[]> {
    const found = new Map<string, Device>()
    const loadWaitMs = options.loadWaitMs ?? 0
    const take = (topic: string, payload: Buffer, retained: boolean) => {
      const message = readMessage(this.#topics, topic, payload, retained)
      if (message !== undefined) mergeDevice(found, message)
    }
    const stop = loadWaitMs > 0 ? this.#link.listen(this.#topics.all('load'), 0, { message: take }) : () => {}
    try {
      const filters = [this.#topics.all('state'), this.#topics.all('desired')]
      await Promise.all([readRetained(this.#link, filters, this.#limits, take), pause(loadWaitMs)])
    } finally {
      stop()
    }
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * The last beacon of a coordinator; `undefined` when the mesh never had one.
   *
   * @param options.live listens for up to a lease (three intervals) whether its holder still sends
   */
  async coordinator(options: { live?: boolean } = {}): Promise<Coordinator | undefined> {
    const topic = this.#topics.of('beacon')
    const first = await this.#readOne(topic)
    const beacon = bodyOf(first, 'beacon')
    if (beacon === undefined || first === undefined) return undefined
    if (options.live !== true) return { beacon }
    if (!first.retained) return { beacon, live: true }
    let newer: Beacon | undefined
    const leaseMs = beacon.intervalMs * LEASE_INTERVALS
    await new Promise<void>((resolve) => {
      const timer = setTimeout(end, Math.min(leaseMs, this.#limits.timeoutMs))
      const stop = this.#link.listen(topic, 1, {
        message: (from, payload, retained) => {
          if (retained) return
          newer = bodyOf(readMessage(this.#topics, from, payload, retained), 'beacon')
          if (newer !== undefined) end()
        },
      })
      function end() {
        clearTimeout(timer)
        stop()
        resolve()
      }
    })
    return newer === undefined ? { beacon, live: false } : { beacon: newer, live: true }
  }

  /** Ends the connection and every watch. What is waited for at this moment fails. */
  async close(): Promise<void> {
    this.watch.close()
    await this.#link.close()
  }

  async #readOne(topic: string): Promise<Incoming | undefined> {
    const found = await readOne(this.#link, topic, this.#limits)
    return found && readMessage(this.#topics, topic, found.payload, found.retained)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
