/** The hosts of a live run: a few processes, each with many devices, and what they are told and tell. */
import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Answer, HostFigures, LiveDeviceOptions, Order } from './talk.ts'

const PROGRAM = fileURLToPath(new URL('host-main.js', import.meta.url))
/** More would make one event loop the narrow place of the run. */
const DEVICES_A_HOST_MAX = 500
/** Each device writes a journal of its own: with libuv's four threads a new term, which all write, would take seconds. */
const DISK_THREADS = '64'
const ANSWER_MS_MAX = 30_000
const END_MS_MAX = 20_000

export interface SwarmEvents {
  gone(device: string, start: number, code: number): void
  process(cpuMilli: number, running: boolean): void
  finished(attempt: string, succeeded: boolean): void
  /** A coordinator has left office. */
  left(reason: string): void
  /** A host ended, or cannot go on. */
  failed(error: CoveyError): void
  /** Told of each process when it starts and when it has gone. */
  watch(pid: number, gone: boolean): void
}

export interface SwarmOptions {
  readonly brokerUrl: string
  readonly seed: string
  readonly folder: string
  readonly devices: readonly LiveDeviceOptions[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/** How many processes host so many devices. */
export function hostCount(devices: number): number {
  return Math.max(Math.min(availableParallelism(), devices), Math.ceil(devices / DEVICES_A_HOST_MAX))
}

export class Swarm {
  readonly #events: SwarmEvents
  readonly #hosts: Host[] = []
  readonly #hostOf = new Map<string, Host>()

  constructor(events: SwarmEvents) {
    this.#events = events
  }

  /**
   * Starts the hosts; no device runs yet.
   *
   * @throws CoveyError E_START
   */
  async open(options: SwarmOptions): Promise<void> {
    const count = hostCount(options.devices.length)
    for (let n = 0; n < count; n++) this.#hosts.push(new Host(n, this.#events, options.env))
    const shares = this.#hosts.map((): LiveDeviceOptions[] => [])
    for (const [n, device] of options.devices.entries()) {
      shares[n % count]?.push(device)
      this.#hostOf.set(device.agent.device, this.#hosts[n % count] as Host)
    }
    const { brokerUrl, seed, folder } = options
    await Promise.all(
      this.#hosts.map((host, n) => {
        const ready = host.answer('ready')
        host.tell({
          order: 'begin',
          options: { brokerUrl, seed, folder, devices: shares[n] as LiveDeviceOptions[] },
        })
        return ready
      }),
    )
  }

  /** @param start how often the device has been started */
  start(device: string, start: number): void {
    this.#hostOf.get(device)?.tell({ order: 'start', device, start })
  }

  tell(order: 'crash' | 'leave', device: string): void {
    this.#hostOf.get(device)?.tell({ order, device })
  }

  /** What the hosts measured since this was asked last. */
  figures(): Promise<HostFigures[]> {
    return Promise.all(
      this.#hosts.map(async (host) => {
        const figures = host.answer('figures')
        host.tell({ order: 'figures' })
        return (await figures).figures
      }),
    )
  }

  /** Ends everything that runs on any device, and the hosts. */
  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()))
  }
}

class Host {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #events: SwarmEvents
  /** Resolves with how it ended. */
  readonly #gone: Promise<string>
  readonly #waiting = new Map<Answer['answer'], (answer: Answer) => void>()
  #isGone = false
  #ending = false

  constructor(n: number, events: SwarmEvents, env: SwarmOptions['env']) {
    this.#name = `host ${n + 1} of the live run`
    this.#events = events
    // A session of its own, so that Ctrl-C reaches only the conductor, which then ends all in its order.
    this.#child = fork(PROGRAM, [], {
      env: { ...env, UV_THREADPOOL_SIZE: DISK_THREADS },
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const { pid } = this.#child
    if (pid !== undefined) events.watch(pid, false)
    this.#child.on('message', (answer: Answer) => this.#on(answer))
    this.#gone = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#isGone = true
        if (pid !== undefined) events.watch(pid, true)
        if (!this.#ending) this.#fail(how)
        resolve(how)
      }
      this.#child.on('error', (error) => end(error.message))
      this.#child.once('exit', (code, signal) => end(`it ended with ${signal ?? `code ${code}`}`))
    })
  }

  tell(order: Order): void {
    if (this.#child.connected) this.#child.send(order)
  }

  answer<K extends Answer['answer']>(kind: K): Promise<Extract<Answer, { answer: K }>> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(kind)
      }
      const fail = (why: string): void => {
        end()
        reject(new CoveyError('E_START', `${this.#name} gave no ${kind}: ${why}`))
      }
      const timer = setTimeout(() => fail(`it said nothing for ${ANSWER_MS_MAX} ms`), ANSWER_MS_MAX)
      this.#waiting.set(kind, (answer) => {
        end()
        resolve(answer as Extract<Answer, { answer: K }>)
      })
      void this.#gone.then(fail)
    })
  }

  async end(): Promise<void> {
    this.#ending = true
    if (this.#isGone) return
    this.tell({ order: 'end' })
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), END_MS_MAX)
    await this.#gone
    clearTimeout(limit)
  }

  #on(answer: Answer): void {
    if (answer.answer === 'gone') this.#events.gone(answer.device, answer.start, answer.code)
    else if (answer.answer === 'process') this.#events.process(answer.cpuMilli, answer.running)
    else if (answer.answer === 'finished') this.#events.finished(answer.attempt, answer.succeeded)
    else if (answer.answer === 'left') this.#events.left(answer.reason)
    else if (answer.answer === 'broken') this.#fail(answer.message)
    else this.#waiting.get(answer.answer)?.(answer)
  }

  #fail(how: string): void {
    this.#events.failed(new CoveyError('E_START', `${this.#name} cannot go on: ${how}`))
  }
}
