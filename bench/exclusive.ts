/**
 * The trial of exclusive work: real agents as processes on a real broker, each behind a link that can be cut. Round
 * after round every device runs exclusive tasks, some devices are struck (SIGSTOP, SIGKILL, a cut), and files that
 * the attempts write tell whether two of a task were ever at work together.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAsync, type MqttClient } from 'mqtt'
import { listProcesses, readEnvironment } from '../agent/shell/process-table.ts'
import { type RunningBroker, startBroker } from '../broker/broker.ts'
import { isTerminal, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import { Topics } from '../shared/protocol/topics.ts'
import { Random } from '../shared/random/random.ts'
import { CutLink } from './cut-link.ts'
import { testimony, witness } from './exclusive-witness.ts'

export const EXCLUSIVE_MESH = 'exclusive'
/** What a KILL takes, on a machine that has much to do. */
export const TOGETHER_MS_MAX = 500
const DEVICES = ['d0', 'd1', 'd2', 'd3']
const TASKS_PER_ROUND = 4
/** A strike lasts longer than a lease and its margin take. */
const STRIKE_MS = 5_000
const ROUND_MS_MAX = 120_000
const START_MS_MAX = 60_000
const LOOK_MS = 50

/** Of an agent of the trial; there is none in the sources, so who runs from them names another. */
const PROGRAM = fileURLToPath(new URL('./exclusive-agent.js', import.meta.url))

export const STRIKES = ['stop', 'kill', 'cut', 'stop and cut', 'stop the work and cut'] as const
export type Strike = (typeof STRIKES)[number]

/** What came of the tasks that ran on devices which were struck in one way. */
export interface StrikeRow {
  strikes: number
  tasks: number
  attempts: number
  overlaps: number
  togetherMs: number
}

export interface ExclusiveResult {
  readonly rounds: number
  readonly tasks: number
  readonly succeeded: number
  readonly attempts: number
  /** Tasks of which two attempts were at work together for longer than a KILL takes. */
  readonly overlaps: number
  readonly byStrike: Readonly<Record<Strike, StrikeRow>>
}

export interface TrialOptions {
  readonly rounds: number
  readonly seed: string
  /** The agents' program; default: the one that was built with this. */
  readonly program?: string
  /** Ends the trial early, by an error. */
  readonly signal?: AbortSignal
  /** Hears how far it is. */
  readonly tell?: (text: string) => void
}

/**
 * Runs the trial. However it ends, nothing of it is left but by SIGKILL.
 *
 * @throws when a round does not come to its end in time, or the trial is interrupted
 */
export async function runExclusive(options: TrialOptions): Promise<ExclusiveResult> {
  const { rounds, tell = () => undefined } = options
  const trial = new Trial(options)
  try {
    await trial.open()
    for (let round = 0; round < rounds; round++) {
      await trial.round(round)
      tell(
        `round ${round + 1} of ${rounds}: ${trial.result.attempts} attempts, ${trial.result.overlaps} overlaps`,
      )
    }
    return { ...trial.result, rounds }
  } finally {
    await trial.close()
  }
}

interface Device {
  readonly id: string
  readonly link: CutLink
  process: ChildProcess
}

class Trial {
  readonly #folder: string
  readonly #random: Random
  readonly #program: string
  readonly #signal: AbortSignal | undefined
  #broker: RunningBroker | undefined
  #client: MqttClient | undefined
  readonly #topics = new Topics(EXCLUSIVE_MESH)
  readonly #devices = new Map<string, Device>()
  readonly #statuses = new Map<string, TaskStatus>()
  readonly #online = new Set<string>()
  readonly result = { rounds: 0, tasks: 0, succeeded: 0, attempts: 0, overlaps: 0, byStrike: emptyRows() }

  constructor({ seed, program = PROGRAM, signal }: TrialOptions) {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-exclusive-')))
    this.#random = new Random(`exclusive/${seed}`)
    this.#program = program
    this.#signal = signal
  }

  /** Starts the broker and all devices. @throws when one does not come online in time */
  async open(): Promise<void> {
    const broker = await startBroker({ port: 0 })
    this.#broker = broker
    const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`)
    this.#client = client
    client.on('message', (topic, payload) => this.#heard(topic, payload.toString()))
    await client.subscribeAsync([this.#topics.all('status'), this.#topics.all('state')], { qos: 1 })
    for (const id of DEVICES) {
      const link = await CutLink.open(broker.port)
      this.#devices.set(id, { id, link, process: this.#spawn(id, link) })
    }
    await this.#until(() => this.#online.size === DEVICES.length, 'all devices online', START_MS_MAX)
  }

  #spawn(id: string, link: CutLink): ChildProcess {
    const data = join(this.#folder, id)
    mkdirSync(data, { recursive: true })
    const argv = [this.#program, `mqtt://127.0.0.1:${link.port}`, id, data]
    return spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] })
  }

  #heard(topic: string, text: string): void {
    const name = topic.split('/').at(-2) ?? ''
    if (text === '') this.#statuses.delete(name)
    else if (topic.endsWith('/status')) this.#statuses.set(name, JSON.parse(text) as TaskStatus)
    else if ((JSON.parse(text) as { online: boolean }).online) this.#online.add(name)
    else this.#online.delete(name)
  }

  async #until(condition: () => boolean, what: string, limitMs = ROUND_MS_MAX): Promise<void> {
    const untilMs = performance.now() + limitMs
    while (!condition()) {
      if (this.#signal?.aborted === true) throw new Error(`interrupted while it waited for ${what}`)
      if (performance.now() > untilMs) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  /** Tasks run, devices are struck, all is mended, tasks end; then their witnesses are asked. */
  async round(round: number): Promise<void> {
    const tasks = Array.from({ length: TASKS_PER_ROUND }, (_, n) => `r${round}-${n}`)
    for (const task of tasks) {
      const spec = JSON.stringify(witness(this.#file(task)))
      await this.#client?.publishAsync(this.#topics.of('spec', task), spec, { qos: 1, retain: true })
    }
    const begun = () => tasks.every((task) => testimony(this.#file(task)).attempts > 0)
    await this.#until(begun, `the beginning of ${tasks.join(', ')}`)
    const struck = new Map<string, Strike>()
    const where = new Map(tasks.map((task) => [task, this.#statuses.get(task)?.device ?? '']))
    for (const id of this.#random.shuffle([...DEVICES]).slice(0, 1 + this.#random.below(2))) {
      struck.set(id, this.#random.pick(STRIKES))
    }
    await Promise.all(
      [...struck].map(([id, strike]) => this.#strike(this.#devices.get(id) as Device, strike)),
    )
    const ended = (task: string) => isTerminal(this.#statuses.get(task)?.state ?? 'pending')
    await this.#until(() => tasks.every(ended), `the end of ${tasks.join(', ')}: ${this.#told(tasks)}`)
    for (const task of tasks) this.#judge(task, struck.get(where.get(task) ?? ''))
    for (const strike of struck.values()) this.result.byStrike[strike].strikes++
  }

  #told(tasks: readonly string[]): string {
    return tasks.map((task) => `${task} ${this.#statuses.get(task)?.explanation}`).join('; ')
  }

  async #strike(device: Device, strike: Strike): Promise<void> {
    const lasts = new Promise((resolve) => setTimeout(resolve, STRIKE_MS))
    const { link } = device
    if (strike.endsWith('cut')) link.cut()
    if (strike.startsWith('stop the work')) this.#signalWork(device, 'SIGSTOP')
    else if (strike.startsWith('stop')) device.process.kill('SIGSTOP')
    else if (strike === 'kill') device.process.kill('SIGKILL')
    await lasts
    if (strike.endsWith('cut')) link.mend()
    if (strike.startsWith('stop the work')) this.#signalWork(device, 'SIGCONT')
    else if (strike.startsWith('stop')) device.process.kill('SIGCONT')
    else if (strike === 'kill') device.process = this.#spawn(device.id, link)
  }

  /** To every command of the device. */
  #signalWork({ id }: Device, signal: NodeJS.Signals): void {
    for (const { pid } of listProcesses() ?? []) {
      if (!readEnvironment(pid).includes(`COVEY_AGENT_DATA=${join(this.#folder, id)}`)) continue
      try {
        process.kill(pid, signal)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }

  #judge(task: string, strike: Strike | undefined): void {
    const { attempts, togetherMs } = testimony(this.#file(task))
    const overlap = togetherMs > TOGETHER_MS_MAX ? 1 : 0
    this.result.tasks++
    this.result.attempts += attempts
    this.result.overlaps += overlap
    if (this.#statuses.get(task)?.state === 'succeeded') this.result.succeeded++
    if (strike === undefined) return
    const row = this.result.byStrike[strike]
    row.tasks++
    row.attempts += attempts
    row.overlaps += overlap
    row.togetherMs = Math.max(row.togetherMs, Math.round(togetherMs))
  }

  #file(task: string): string {
    return join(this.#folder, `${task}.witness`)
  }

  async close(): Promise<void> {
    for (const device of this.#devices.values()) {
      device.process.kill('SIGKILL')
      this.#signalWork(device, 'SIGKILL')
      device.link.close()
    }
    await this.#client?.endAsync(true)
    await this.#broker?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function emptyRows(): Record<Strike, StrikeRow> {
  const rows = STRIKES.map((strike) => [
    strike,
    { strikes: 0, tasks: 0, attempts: 0, overlaps: 0, togetherMs: 0 },
  ])
  return Object.fromEntries(rows) as Record<Strike, StrikeRow>
}
