/**
 * What goes wrong on purpose, by SIGKILL and one after the other: the agent of a device at work, that of the
 * coordinator, the broker. Each comes back. While one is away the next may be struck already.
 */
import type { Mesh } from './mesh.ts'
import type { Election, Observer } from './observer.ts'
import { until } from './until.ts'
import type { Life, Witness } from './witness.ts'
import { FIRST_KILL_PART, type Job } from './work.ts'

export const TARGETS = ['worker', 'coordinator', 'broker'] as const
export type Target = (typeof TARGETS)[number]

/** What a victim must be running, so that there is something to reroute. */
const BUSY_MIN = 3
/** Before the first blow so much has come to its end. */
const ENDED_MIN = 10
/** No exclusive work begins for some 12 s after a coordinator took office: so long the blow that is to meet it waits. */
const EXCLUSIVE_WAIT_MS = 25_000
/** From then on a coordinator that runs some is looked for this long; then one that runs other work will do. */
const PREFERENCE_MS = 2_000
/** What is further than this on its way may end before the blow. */
const AGE_SHARE_MAX = 0.75
/** An agent stays away this long, or longer if nothing of it has begun elsewhere yet. */
const AWAY_MS = 4_000
const AWAY_MS_MAX = 30_000
const BROKER_AWAY_MS = 1_000

/** One blow and what followed. Times are milliseconds of `performance.now()`. */
export interface Strike {
  readonly target: Target
  /** Whose agent it was; absent for the broker. */
  readonly device?: string
  readonly killedAtMs: number
  /** What was at work on the device, or with the broker gone on all. */
  readonly struck: readonly Life[]
  /** Who took the seat, if there was need. */
  succession?: Election
  /** It is there again. */
  backAtMs?: number
}

export interface Scene {
  readonly mesh: Mesh
  readonly observer: Observer
  readonly witness: Witness
  readonly jobs: readonly Job[]
  readonly devices: readonly string[]
  readonly tell: (text: string) => void
}

export class Disturbance {
  readonly strikes: Strike[] = []
  /** Up to which part the work may be handed in: there is one for each blow, so that there is something to strike. */
  part = FIRST_KILL_PART
  readonly #scene: Scene
  /** By the piece's name. */
  readonly #jobs: ReadonlyMap<string, Job>

  constructor(scene: Scene) {
    this.#scene = scene
    this.#jobs = new Map(scene.jobs.flatMap((job) => job.pieces.map(({ name }) => [name, job] as const)))
  }

  /** Strikes all targets in turn. Resolves when all are back. */
  async run(targets: readonly Target[], signal: AbortSignal): Promise<void> {
    const [target, ...later] = targets
    if (target === undefined) {
      this.part = Number.POSITIVE_INFINITY
      return
    }
    const strike = await this.#strike(target, signal)
    const goOn = async () => {
      await this.#aftermath(strike, signal)
      await this.run(later, signal)
    }
    await Promise.all([this.#return(strike, signal), goOn()])
  }

  async #strike(target: Target, signal: AbortSignal): Promise<Strike> {
    const { observer, witness, tell } = this.#scene
    if (target === 'coordinator') await this.#exclusiveBegun(signal)
    this.part = FIRST_KILL_PART + TARGETS.indexOf(target)
    const sinceMs = performance.now()
    let found: Strike | undefined
    const look = () => {
      witness.look()
      if (witness.ended < ENDED_MIN) return false
      // At once, before the message after next says that all has ended.
      if (target === 'broker') found = this.#killBroker()
      else {
        const device = this.#victim(target, performance.now() - sinceMs > PREFERENCE_MS)
        if (device !== undefined) found = this.#killAgent(target, device)
      }
      return found !== undefined
    }
    await until(observer, look, signal)
    const strike = found as Strike
    this.strikes.push(strike)
    const exclusive = strike.struck.filter(({ work }) => this.#isExclusive(work)).length
    const role = target === 'coordinator' ? ', the coordinator,' : ''
    const who = strike.device === undefined ? 'the broker' : `${strike.device}${role}`
    const some = exclusive === 0 ? '' : `, ${exclusive} exclusive`
    tell(`${who} is killed while ${strike.struck.length} pieces of work run${some}`)
    return strike
  }

  async #exclusiveBegun(signal: AbortSignal): Promise<void> {
    const { observer, witness, tell } = this.#scene
    const sinceMs = performance.now()
    const isBegun = () => {
      witness.look()
      const begun = [...witness.lives.keys()].some((work) => this.#isExclusive(work))
      return begun || performance.now() - sinceMs > EXCLUSIVE_WAIT_MS
    }
    if (!isBegun()) tell('exclusive work waits until every lease of an earlier coordinator would be over')
    await until(observer, isBegun, signal)
  }

  /** A device with enough work that has just begun, so that none ends before the blow. */
  #victim(target: Target, anyWillDo: boolean): string | undefined {
    const { observer, witness, devices } = this.#scene
    return devices.find((device) => {
      if (observer.devices.get(device)?.online !== true) return false
      if ((device === observer.coordinator) !== (target === 'coordinator')) return false
      const young = [...witness.runningOn(device)].filter((life) => this.#isYoung(life))
      if (young.length < BUSY_MIN) return false
      return target === 'worker' || anyWillDo || young.some(({ work }) => this.#isExclusive(work))
    })
  }

  #isYoung({ work, beginMs }: Life): boolean {
    return performance.now() - beginMs < AGE_SHARE_MAX * (this.#jobs.get(work)?.holdMs ?? 0)
  }

  #isExclusive(work: string): boolean {
    return this.#jobs.get(work)?.spec.exclusive === true
  }

  #killAgent(target: Target, device: string): Strike {
    this.#scene.mesh.killAgent(device)
    const killedAtMs = performance.now()
    return { target, device, killedAtMs, struck: this.#scene.witness.orphan(device) }
  }

  /** With enough at work on some device. */
  #killBroker(): Strike | undefined {
    const { mesh, witness, devices } = this.#scene
    const running = devices.map((device) => [...witness.runningOn(device)])
    if (!running.some(({ length }) => length >= BUSY_MIN)) return undefined
    mesh.killBroker()
    return { target: 'broker', killedAtMs: performance.now(), struck: running.flat() }
  }

  /** Resolves when the mesh has dealt with it so far that it may be struck again. */
  async #aftermath(strike: Strike, signal: AbortSignal): Promise<void> {
    const { observer, witness, tell } = this.#scene
    if (strike.target === 'worker') {
      await until(observer, () => this.#isRerouted(strike), signal)
      return
    }
    const isNew = ({ agent, atMs }: Election) => atMs > strike.killedAtMs && agent !== strike.device
    await until(observer, () => observer.elections.some(isNew), signal)
    const succession = observer.elections.find(isNew) as Election
    strike.succession = succession
    tell(`${succession.agent} is coordinator`)
    const hasPlaced = () => {
      witness.look()
      return [...witness.lives.values()].flat().some(({ beginMs }) => beginMs > succession.atMs)
    }
    await until(observer, hasPlaced, signal)
  }

  #isRerouted(strike: Strike): boolean {
    this.#scene.witness.look()
    return rerouted(strike, this.#scene.witness).length > 0
  }

  async #return(strike: Strike, signal: AbortSignal): Promise<void> {
    const { mesh, observer, tell } = this.#scene
    const { device, killedAtMs } = strike
    const awayMs = () => performance.now() - killedAtMs
    if (device === undefined) {
      await until(observer, () => awayMs() > BROKER_AWAY_MS, signal)
      await mesh.startBroker()
    } else {
      const before = observer.devices.get(device)?.incarnation ?? 0
      const mayReturn = () => awayMs() > AWAY_MS_MAX || (awayMs() > AWAY_MS && this.#isRerouted(strike))
      await until(observer, mayReturn, signal)
      // What began in the moment of the blow: the agent ends it before it does anything else.
      this.#scene.witness.orphan(device)
      await mesh.startAgent(device)
      const isBack = () => {
        const state = observer.devices.get(device)
        return state?.online === true && state.incarnation > before
      }
      await until(observer, isBack, signal)
    }
    strike.backAtMs = performance.now()
    tell(`${device ?? 'the broker'} is back`)
  }
}

/** For each of the struck that was begun on another device since: its first attempt there. */
export function rerouted(strike: Strike, witness: Pick<Witness, 'lives'>): Life[] {
  if (strike.device === undefined) return []
  return strike.struck
    .map(({ work }) =>
      witness.lives
        .get(work)
        ?.find(({ device, beginMs }) => device !== strike.device && beginMs > strike.killedAtMs),
    )
    .filter((life) => life !== undefined)
}
