/** What goes wrong on purpose: one agent is killed at work, and started again some seconds later. */
import { attemptKey } from '../../shared/protocol/attempt.ts'
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Mesh } from './mesh.ts'
import type { Election, Observer } from './observer.ts'
import { until } from './until.ts'
import type { Job, Kind } from './work.ts'

export type Victim = 'coordinator' | 'worker'

/** Tasks that the victim must be running, so that there is something to reroute. */
const BUSY_MIN = 3
/** For so long the wished victim must be found wanting before another one will do. */
const PREFERENCE_MS = 3_000
/** The victim stays away this long, or longer if none of its tasks has been placed elsewhere yet. */
const AWAY_MS = 4_000
const AWAY_MS_MAX = 30_000

/** Times are milliseconds of `performance.now()`. */
export interface Course {
  readonly device: string
  readonly wasCoordinator: boolean
  readonly killedAtMs: number
  /** The attempts that were on it, by task; those that ran among them are counted by kind. */
  readonly struck: ReadonlyMap<string, string>
  readonly running: Readonly<Record<Kind, number>>
  /** One of its tasks was placed elsewhere. */
  reroutedAtMs?: number
  /** Who took its seat, if it was the coordinator. */
  succession?: Election
  /** It is online again. */
  backAtMs?: number
}

export class Disturbance {
  course: Course | undefined
  readonly #mesh: Mesh
  readonly #observer: Observer
  readonly #jobs: ReadonlyMap<string, Job>
  readonly #holdMs: number

  constructor(mesh: Mesh, observer: Observer, jobs: readonly Job[], holdMs: number) {
    this.#mesh = mesh
    this.#observer = observer
    this.#jobs = new Map(jobs.map((job) => [job.id, job]))
    this.#holdMs = holdMs
  }

  /** Resolves when the victim has returned. */
  async run(wish: Victim, devices: readonly string[], tell: (text: string) => void, signal: AbortSignal) {
    const observer = this.#observer
    // In a small amount of work there is less to wait for.
    const endedMin = Math.max(0, Math.floor(this.#jobs.size / 10) - 10)
    await until(observer, () => observer.ended >= endedMin, signal)
    const sinceMs = performance.now()
    const strike = () => {
      const device = this.#choose(wish, devices, performance.now() - sinceMs > PREFERENCE_MS)
      // At once, before the message after next says that the tasks have ended.
      if (device !== undefined) this.course = this.#strike(device)
      return device !== undefined
    }
    await until(observer, strike, signal)
    const course = this.course as Course
    const count = course.running.checksum + course.running.words
    const role = course.wasCoordinator ? ', the coordinator,' : ''
    tell(`${course.device}${role} is killed while it runs ${count} tasks`)

    const returned = observer.devices.get(course.device)?.incarnation ?? 0
    await Promise.all([this.#aftermath(course, signal), this.#return(course, returned, tell, signal)])
  }

  /** A device with enough tasks that have just begun, so that none ends before the blow. */
  #choose(wish: Victim, devices: readonly string[], anyWillDo: boolean): string | undefined {
    const { coordinator } = this.#observer
    const busyMin = Math.max(1, Math.min(BUSY_MIN, Math.floor(this.#jobs.size / (2 * devices.length))))
    return devices.find((device) => {
      if (!anyWillDo && (device === coordinator) !== (wish === 'coordinator')) return false
      const young = [...this.#observer.runningOn(device)].filter((id) => this.#isYoung(id))
      const kinds = new Set(young.map((id) => this.#jobs.get(id)?.kind))
      return young.length >= busyMin && (busyMin < 2 || kinds.size === 2)
    })
  }

  #isYoung(id: string): boolean {
    const seen = this.#observer.tasks.get(id)
    return seen !== undefined && performance.now() - seen.sinceMs < this.#holdMs / 2
  }

  #strike(device: string): Course {
    const observer = this.#observer
    const running = { checksum: 0, words: 0 }
    for (const id of observer.runningOn(device)) running[this.#jobs.get(id)?.kind ?? 'checksum']++
    const struck = new Map<string, string>()
    for (const [id, { status }] of observer.tasks) {
      if (status.device !== device || status.attempt === undefined || isTerminal(status.state)) continue
      struck.set(id, attemptKey(status.attempt))
    }
    this.#mesh.killAgent(device)
    const killedAtMs = performance.now()
    return { device, wasCoordinator: observer.coordinator === device, killedAtMs, struck, running }
  }

  async #aftermath(course: Course, signal: AbortSignal): Promise<void> {
    const observer = this.#observer
    const succession = async () => {
      if (!course.wasCoordinator) return
      const isNew = ({ agent, atMs }: Election) => atMs > course.killedAtMs && agent !== course.device
      await until(observer, () => observer.elections.some(isNew), signal)
      course.succession = observer.elections.find(isNew) as Election
    }
    const reroute = async () => {
      await until(observer, () => rerouted(course, observer).length > 0, signal)
      course.reroutedAtMs = performance.now()
    }
    await Promise.all([succession(), reroute()])
  }

  async #return(course: Course, incarnation: number, tell: (text: string) => void, signal: AbortSignal) {
    const { device, killedAtMs } = course
    const mayReturn = () => {
      const awayMs = performance.now() - killedAtMs
      return awayMs > AWAY_MS_MAX || (awayMs > AWAY_MS && course.reroutedAtMs !== undefined)
    }
    await until(this.#observer, mayReturn, signal)
    await this.#mesh.startAgent(device)
    const isBack = () => {
      const state = this.#observer.devices.get(device)
      return state?.online === true && state.incarnation > incarnation
    }
    await until(this.#observer, isBack, signal)
    course.backAtMs = performance.now()
    tell(`${device} is back`)
  }
}

/** The struck tasks that have since been placed on another device. */
export function rerouted(course: Course, observer: Observer): string[] {
  return [...course.struck]
    .filter(([id, attempt]) => {
      const status = observer.tasks.get(id)?.status
      if (status?.attempt === undefined || status.device === undefined) return false
      return status.device !== course.device && attemptKey(status.attempt) !== attempt
    })
    .map(([id]) => id)
}
