/**
 * The agent's end of the guard (guard-main.ts): starts it when there is exclusive work, tells it of leases, and
 * starts it again with all it must know when it dies. When that does not help, the work is ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { leaseLeftMs } from '../../shared/model/lease.ts'
import type { Lease, Now } from '../../shared/ports.ts'
import { within } from './bounded-wait.ts'
import type { Log } from './log.ts'

/** `hold` takes an attempt under guard; `pid` names its process group; `from` renews the leases of all. */
export type GuardOrder =
  | { readonly hold: string; readonly data: string; readonly lease: Lease }
  | { readonly key: string; readonly pid: number }
  | { readonly drop: string }
  | { readonly from: Now }

export type GuardAnswer = { readonly held: string } | { readonly lapsed: string }

/** How long a guard may take to start and to take an attempt. */
const HOLD_MS_MAX = 10_000
/** Guards that may die before one has taken an attempt; then exclusive work is ended instead. */
const DEATHS_MAX = 3

const PROGRAM = fileURLToPath(
  // Run from the sources (as tests are), the guard is the one that was built.
  new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/agent/shell/guard-main.js' : './guard-main.js',
    import.meta.url,
  ),
)

interface Guarded {
  lease: Lease
  pid: number | undefined
  /** Called when the guard has it, with true; or when there is no guard to be had. */
  readonly taken: (held: boolean) => void
  readonly lapsed: () => void
}

export class Guard {
  readonly #data: string
  readonly #log: Log
  readonly #guarded = new Map<string, Guarded>()
  /** From the clock of the core's steps to the one that all processes share. */
  readonly #offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  #child: ChildProcess | undefined
  #deaths = 0

  constructor(data: string, log: Log) {
    this.#data = data
    this.#log = log
  }

  /** The guard's process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /**
   * Takes an attempt under guard, before it is started.
   *
   * @param lapsed called when its lease is over or no guard can be had: it must end at once
   * @returns false when there is no guard, and it must not be started
   */
  async hold(key: string, lease: Lease, lapsed: () => void): Promise<boolean> {
    const held = new Promise<boolean>((resolve) => {
      this.#guarded.set(key, { lease: this.#shared(lease), pid: undefined, taken: resolve, lapsed })
    })
    if (this.#child === undefined) this.#start()
    else this.#hold(key)
    if ((await within(held, HOLD_MS_MAX)) === true) return true
    this.drop(key)
    return false
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
    this.#tell({ hold: key, data: this.#data, lease: guarded.lease })
    if (guarded.pid !== undefined) this.#tell({ key, pid: guarded.pid })
  }

  #tell(order: GuardOrder): void {
    this.#child?.stdin?.write(`${JSON.stringify(order)}\n`)
  }

  #start(): void {
    // A session of its own: what ends the agent must not end it.
    const child = spawn(process.execPath, [PROGRAM], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '' },
    })
    this.#child = child
    child.unref()
    child.stdin.on('error', (error) => this.#log.debug({ error: error.message }, 'the guard does not read'))
    child.once('error', (error) => this.#died(child, error.message))
    child.once('exit', (code, signal) => this.#died(child, signal ?? `exit code ${code}`))
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      this.#answered(JSON.parse(line) as GuardAnswer)
    })
    for (const key of this.#guarded.keys()) this.#hold(key)
  }

  #answered(answer: GuardAnswer): void {
    this.#deaths = 0
    if ('held' in answer) return this.#guarded.get(answer.held)?.taken(true)
    const guarded = this.#guarded.get(answer.lapsed)
    this.#guarded.delete(answer.lapsed)
    guarded?.taken(false)
    guarded?.lapsed()
  }

  #died(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    if (this.#guarded.size === 0) return
    this.#deaths++
    this.#log.warn({ how, deaths: this.#deaths }, 'the guard of exclusive work died')
    if (this.#deaths < DEATHS_MAX) return this.#start()
    this.#deaths = 0
    this.#log.error({ how }, 'no guard can be had: exclusive work is ended')
    const all = [...this.#guarded.values()]
    this.#guarded.clear()
    for (const { taken, lapsed } of all) {
      taken(false)
      lapsed()
    }
  }
}
