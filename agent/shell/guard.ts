/**
 * The agent's end of the guard (guard-main.ts): starts it when there is exclusive work, tells it of leases, and
 * starts it again with all it must know when it dies, or is ended because it does not answer. When that does not
 * help, the work is ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { leaseLeftMs } from '../../shared/model/lease.ts'
import type { Lease, Now } from '../../shared/ports.ts'
import { within } from './bounded-wait.ts'
import type { Log } from './log.ts'

/**
 * `hold` takes an attempt under guard; `pid` names its process group; `from` renews the leases of all; `ask` wants
 * an answer.
 */
export type GuardOrder =
  | { readonly hold: string; readonly lease: Lease }
  | { readonly key: string; readonly pid: number }
  | { readonly drop: string }
  | { readonly from: Now }
  | { readonly ask: true }

export type GuardAnswer = { readonly held: string } | { readonly lapsed: string } | { readonly here: true }

/** `over`: the lease was over before the guard had it. `no-guard`: none could be started, or none took it in time. */
export type HoldResult = 'held' | 'over' | 'no-guard'

export interface GuardOptions {
  /** The guard's program. Default: the one beside this file, so there is none in the sources. */
  readonly program?: string
  /** How long a guard that has work may be silent before it is ended and another one started. Default: 5,000. */
  readonly silenceMsMax?: number
}

/** How long a guard may take to start and to take an attempt. */
const HOLD_MS_MAX = 10_000
/** Guards that may die before one has taken an attempt; then exclusive work is ended instead. */
const DEATHS_MAX = 3
/** Less than an attempt may wait for its guard: a second one can still take it. */
const SILENCE_MS_MAX = 5_000
/** Questions without an answer after which a guard counts as silent. An agent that stood still has asked none. */
const UNANSWERED_MAX = 5
/** What a guard may leave unread; one that reads so little is ended. */
const UNREAD_BYTES_MAX = 1024 * 1024

const PROGRAM = fileURLToPath(new URL('./guard-main.js', import.meta.url))

interface Guarded {
  lease: Lease
  pid: number | undefined
  /** Called when the guard has it, or it is known that none will. */
  readonly taken: (result: HoldResult) => void
  readonly lapsed: () => void
}

export class Guard {
  readonly #data: string
  readonly #log: Log
  readonly #guarded = new Map<string, Guarded>()
  /** From the clock of the core's steps to the one that all processes share. */
  readonly #offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  readonly #program: string
  readonly #askEveryMs: number
  #child: ChildProcess | undefined
  #deaths = 0
  #asking: NodeJS.Timeout | undefined
  #unanswered = 0

  /** @param data the agent's data folder: with an attempt it names what is to be ended */
  constructor(data: string, log: Log, options: GuardOptions = {}) {
    this.#data = data
    this.#log = log
    this.#program = options.program ?? PROGRAM
    this.#askEveryMs = (options.silenceMsMax ?? SILENCE_MS_MAX) / UNANSWERED_MAX
  }

  /** The guard's process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /**
   * Takes an attempt under guard, before it is started.
   *
   * @param lapsed called when its lease is over or no guard can be had: it must end at once
   * @returns unless it is `held` it must not be started
   */
  async hold(key: string, lease: Lease, lapsed: () => void): Promise<HoldResult> {
    const taken = new Promise<HoldResult>((resolve) => {
      this.#guarded.set(key, { lease: this.#shared(lease), pid: undefined, taken: resolve, lapsed })
    })
    if (this.#child === undefined) this.#start()
    else this.#hold(key)
    const result = (await within(taken, HOLD_MS_MAX)) ?? 'no-guard'
    if (result !== 'held') this.drop(key)
    return result
  }

  /** The attempt runs as that process group. */
  started(key: string, pid: number): void {
    const guarded = this.#guarded.get(key)
    if (guarded === undefined) return
    guarded.pid = pid
    this.#tell({ key, pid })
  }

  /** Leases count from then on. */
  extend(from: Now): void {
    if (this.#guarded.size === 0) return
    const shared = this.#sharedMoment(from)
    for (const [key, guarded] of this.#guarded) {
      if (!this.over(key)) guarded.lease = { ...guarded.lease, from: shared }
    }
    this.#tell({ from: shared })
  }

  /** True when the lease of an attempt is over: what ended then may have been ended by the guard. */
  over(key: string): boolean {
    const guarded = this.#guarded.get(key)
    if (guarded === undefined) return true
    const now = this.#sharedMoment({ monoMs: performance.now(), wallMs: Date.now() })
    return leaseLeftMs(guarded.lease.from, guarded.lease.leaseMs, now) <= 0
  }

  /** The attempt is over. */
  drop(key: string): void {
    if (this.#guarded.delete(key)) this.#tell({ drop: key })
  }

  /** Lets the guard go; it ends by itself when there is nothing that it has to end. */
  close(): void {
    const child = this.#child
    this.#child = undefined
    clearInterval(this.#asking)
    child?.stdin?.end()
  }

  #sharedMoment({ monoMs, wallMs }: Now): Now {
    return { monoMs: monoMs + this.#offsetMs, wallMs }
  }

  #shared({ from, leaseMs }: Lease): Lease {
    return { from: this.#sharedMoment(from), leaseMs }
  }

  #hold(key: string): void {
    const guarded = this.#guarded.get(key)
    if (guarded === undefined) return
    this.#tell({ hold: key, lease: guarded.lease })
    if (guarded.pid !== undefined) this.#tell({ key, pid: guarded.pid })
  }

  #tell(order: GuardOrder): void {
    const child = this.#child
    if (child?.stdin?.writable !== true) return
    if (child.stdin.writableLength > UNREAD_BYTES_MAX) child.kill('SIGKILL')
    else child.stdin.write(`${JSON.stringify(order)}\n`)
  }

  #ask(child: ChildProcess): void {
    if (this.#guarded.size === 0) this.#unanswered = 0
    else if (++this.#unanswered > UNANSWERED_MAX) child.kill('SIGKILL')
    else this.#tell({ ask: true })
  }

  #start(): void {
    // A session of its own: what ends the agent must not end it.
    const child = spawn(process.execPath, [this.#program, this.#data], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '' },
    })
    this.#child = child
    child.unref()
    child.once('error', (error) => this.#died(child, error.message))
    child.once('exit', (code, signal) => this.#died(child, signal ?? `exit code ${code}`))
    // Without a process there need be no pipes either; `error` comes.
    if (child.pid === undefined) return
    const stdin = child.stdin as Writable
    stdin.on('error', (error) => this.#log.debug({ error: error.message }, 'the guard does not read'))
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      if (this.#child === child) this.#unanswered = 0
      this.#answered(JSON.parse(line) as GuardAnswer)
    })
    this.#unanswered = 0
    this.#asking = setInterval(() => this.#ask(child), this.#askEveryMs).unref()
    for (const key of this.#guarded.keys()) this.#hold(key)
  }

  #answered(answer: GuardAnswer): void {
    this.#deaths = 0
    if ('here' in answer) return
    if ('held' in answer) return this.#guarded.get(answer.held)?.taken('held')
    const guarded = this.#guarded.get(answer.lapsed)
    this.#guarded.delete(answer.lapsed)
    guarded?.taken('over')
    guarded?.lapsed()
  }

  #died(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    clearInterval(this.#asking)
    if (this.#guarded.size === 0) return
    this.#deaths++
    this.#log.warn({ how, deaths: this.#deaths }, 'the guard of exclusive work died')
    if (this.#deaths < DEATHS_MAX) return this.#start()
    this.#deaths = 0
    this.#log.error({ how }, 'no guard can be had: exclusive work is ended')
    const all = [...this.#guarded.values()]
    this.#guarded.clear()
    for (const { taken, lapsed } of all) {
      taken('no-guard')
      lapsed()
    }
  }
}
