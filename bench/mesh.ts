/**
 * Real processes over the embedded broker: what a task costs in CPU from submission to status, against a floor that
 * makes the same hops with bare mqtt.js and does nothing else. Both run at once and take turns, so that a busy
 * machine is busy for both; CPU is summed over all processes, and only the ratio says something.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Answer, Ask } from './mesh-role.ts'

export interface MeshOptions {
  readonly tasks: number
  readonly rounds: number
  readonly workers: number
}

export interface MeshSide {
  readonly name: string
  readonly tasksPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU in ms per 1,000 tasks, in all and by process. */
  readonly cpuMs: number
  readonly byRole: Readonly<Record<string, number>>
}

export interface MeshResult {
  readonly options: MeshOptions
  readonly covey: MeshSide
  readonly floor: MeshSide
  readonly ratio: number
}

const OUTSTANDING = 500
const WARM_UP_TASKS = 1_000
const ANSWER_MS_MAX = 300_000
/** What follows a task's end: its spec is cleared, its result acknowledged. */
const TAIL_MS = 500

/** A process of the benchmark. Its answers come one at a time, to who asked. */
class Role {
  readonly name: string
  readonly #child: ChildProcess

  constructor(name: string, options: object) {
    this.name = name
    const program = new URL('mesh-role.js', import.meta.url)
    this.#child = fork(program, [name, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  answer<K extends Answer['answer']>(kind: K): Promise<Extract<Answer, { answer: K }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => finish(new Error(`${this.name} gave no ${kind} in ${ANSWER_MS_MAX} ms`)),
        ANSWER_MS_MAX,
      )
      const take = (message: Answer): void => {
        if (message.answer === kind) finish(message as Extract<Answer, { answer: K }>)
      }
      const left = (code: number | null): void => finish(new Error(`${this.name} ended with code ${code}`))
      const finish = (result: Error | Extract<Answer, { answer: K }>): void => {
        clearTimeout(timer)
        this.#child.off('message', take).off('exit', left)
        if (result instanceof Error) reject(result)
        else resolve(result)
      }
      this.#child.on('message', take).on('exit', left)
    })
  }

  ask<K extends Answer['answer']>(ask: Ask, kind: K): Promise<Extract<Answer, { answer: K }>> {
    const answer = this.answer(kind)
    this.#child.send(ask)
    return answer
  }

  async cpuMs(): Promise<number> {
    return (await this.ask({ ask: 'cpu' }, 'cpu')).cpuMs
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}

/** One mesh or one floor: a broker of its own and all who use it. */
class Side {
  readonly name: string
  readonly #roles: Role[] = []
  #rounds = 0
  #tasks = 0
  #wallMs = 0
  readonly #latenciesMs: number[] = []
  readonly #cpuMs = new Map<string, number>()

  constructor(name: string) {
    this.name = name
  }

  async open(roles: readonly string[], workers: number): Promise<void> {
    const broker = new Role('broker', {})
    this.#roles.push(broker)
    const { url } = await broker.answer('ready')
    for (const name of roles) {
      const role = new Role(name, { url, workers })
      this.#roles.push(role)
      await role.answer('ready')
    }
  }

  async round(tasks: number, counts: boolean): Promise<void> {
    const submitter = this.#roles.at(-1) as Role
    const before = await Promise.all(this.#roles.map((role) => role.cpuMs()))
    const ask = { ask: 'run', prefix: `r${this.#rounds++}`, tasks, outstanding: OUTSTANDING } as const
    const { wallMs, latenciesMs } = await submitter.ask(ask, 'done')
    await new Promise((resolve) => setTimeout(resolve, TAIL_MS))
    const after = await Promise.all(this.#roles.map((role) => role.cpuMs()))
    if (!counts) return
    this.#tasks += tasks
    this.#wallMs += wallMs
    for (const ms of latenciesMs) this.#latenciesMs.push(ms)
    this.#roles.forEach((role, n) => {
      const spentMs = (after[n] as number) - (before[n] as number)
      this.#cpuMs.set(role.name, (this.#cpuMs.get(role.name) ?? 0) + spentMs)
    })
  }

  result(): MeshSide {
    const sorted = this.#latenciesMs.sort((a, b) => a - b)
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
    const per1000 = (ms: number): number => (ms * 1_000) / this.#tasks
    const byRole = Object.fromEntries([...this.#cpuMs].map(([name, ms]) => [name, per1000(ms)]))
    const cpuMs = Object.values(byRole).reduce((sum, ms) => sum + ms, 0)
    const tasksPerSecond = (this.#tasks * 1_000) / this.#wallMs
    return { name: this.name, tasksPerSecond, p50Ms: at(0.5), p99Ms: at(0.99), cpuMs, byRole }
  }

  close(): void {
    for (const role of this.#roles) role.close()
  }
}

/** Runs the benchmark; takes as long as it takes, each answer `ANSWER_MS_MAX` at most. */
export async function runMeshBench(options: MeshOptions): Promise<MeshResult> {
  const covey = new Side('covey')
  const floor = new Side('floor via coordinator')
  try {
    await covey.open(['coordinator', 'workers', 'submitter'], options.workers)
    await floor.open(['floor-middleman', 'floor-workers', 'floor-submitter'], options.workers)
    for (const side of [covey, floor]) await side.round(WARM_UP_TASKS, false)
    for (let round = 0; round < options.rounds; round++) {
      for (const side of [covey, floor]) await side.round(options.tasks, true)
    }
    const results = { covey: covey.result(), floor: floor.result() }
    return { options, ...results, ratio: results.covey.cpuMs / results.floor.cpuMs }
  } finally {
    covey.close()
    floor.close()
  }
}
