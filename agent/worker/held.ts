/**
 * What a device holds: attempts that wait, run, end, or have a result that nobody has acknowledged yet.
 * Work counts as reserved from its admission until its process is gone.
 */

import { invariant } from '../../shared/errors/errors.ts'
import { Gpus, gpuMilliOf } from '../../shared/model/gpus.ts'
import { formatQuantity } from '../../shared/model/quantity.ts'
import {
  accumulate,
  emptyVector,
  type Resources,
  remaining,
  shortfall,
} from '../../shared/model/resources.ts'
import type { Demand } from '../../shared/model/task.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { setDigest } from '../../shared/protocol/digest.ts'
import type { AttemptResult, Checkpoint, HeldAttempt, TaskSpec } from '../../shared/protocol/schemas/index.ts'

/** Attempts a device holds at most, results that wait for an acknowledgement included. */
export const HELD_MAX = 10_000

export interface Held {
  readonly key: string
  readonly attempt: Attempt
  readonly task: string
  readonly spec: TaskSpec
  readonly demand: Demand
  /** Which of the device's GPUs it has; none when it asks for none. */
  readonly gpus: readonly number[]
  /** `done` has a result; its process is gone. */
  phase: 'queued' | 'running' | 'ending' | 'done'
  /** Why it is being ended, while it is. */
  ending?: 'revoked' | 'timed_out' | 'interrupted'
  /** Length of its lease, when the task is exclusive; and whether that is over. */
  leaseMs?: number
  lapsed?: boolean
  pid?: number
  startedMonoMs?: number
  started?: string
  logSeq: number
  /** What each stream of its output may take in the result, when that is less than for others. */
  outputBytes?: number
  /** What the attempt has to go on from: given at its start, or published since. */
  checkpoint?: Checkpoint
  /** The coordinator has not been told of it. */
  checkpointIsNews?: boolean
  result?: AttemptResult
  /** True once the result may be reported: it is durable, or could not be made so. */
  reportable: boolean
}

export class HeldTable {
  readonly capacity: Resources
  readonly #held = new Map<string, Held>()
  readonly #reserved = emptyVector()
  readonly #gpus: Gpus
  /** The digest of the keys, until they change. */
  #digest: string | undefined

  constructor(capacity: Resources) {
    this.capacity = capacity
    this.#gpus = new Gpus(capacity)
  }

  get size(): number {
    return this.#held.size
  }

  /** What is taken by what has not ended, in thousandths. */
  get reserved(): Resources {
    return this.#reserved
  }

  get(attempt: Attempt): Held | undefined {
    return this.#held.get(attemptKey(attempt))
  }

  byKey(key: string): Held | undefined {
    return this.#held.get(key)
  }

  values(): IterableIterator<Held> {
    return this.#held.values()
  }

  /** Why there is no room for `need` now, or `undefined` when there is. */
  refusal(need: Resources): string | undefined {
    if (this.#held.size >= HELD_MAX) return `the device already holds ${HELD_MAX} attempts`
    const missing = shortfall(need, remaining(this.capacity, this.#reserved))
    return missing && `${formatQuantity(missing.name, missing.milli)} ${missing.name} are missing`
  }

  /** How many attempts that need so much have room on its GPUs. */
  gpuPlaces(need: Resources): number {
    return this.#gpus.times(gpuMilliOf(need))
  }

  /**
   * Which GPUs an attempt gets: those that its order names, or where that names none, those that fit best.
   * @returns why there are none for it, when there are none
   */
  gpusFor(need: Resources, named: readonly number[] | undefined): readonly number[] | string {
    const milli = gpuMilliOf(need)
    if (milli === 0) return []
    const gpus = named ?? this.#gpus.choose(milli)
    if (gpus === undefined) return 'too little is left on any one gpu'
    return this.#gpus.refusal(gpus, milli) ?? gpus
  }

  /** Takes an attempt in; there must be room, also on these GPUs. */
  admit(attempt: Attempt, task: string, spec: TaskSpec, demand: Demand, gpus: readonly number[] = []): Held {
    const key = attemptKey(attempt)
    invariant(!this.#held.has(key), () => `attempt ${key} is admitted twice`)
    const phase = 'queued'
    const held: Held = { key, attempt, task, spec, demand, gpus, phase, logSeq: 0, reportable: false }
    this.#held.set(key, held)
    this.#digest = undefined
    this.#count(held, 1)
    return held
  }

  /** Takes in an attempt that ended before this start of the agent. */
  restore(attempt: Attempt, task: string, spec: TaskSpec, demand: Demand, result: AttemptResult): Held {
    const key = attemptKey(attempt)
    const held: Held = {
      key,
      attempt,
      task,
      spec,
      demand,
      gpus: [],
      phase: 'done',
      logSeq: 0,
      result,
      reportable: false,
    }
    this.#held.set(key, held)
    this.#digest = undefined
    return held
  }

  /** The attempt's process is gone: its room is free, its result waits to be acknowledged. */
  finish(held: Held, result: AttemptResult): void {
    invariant(held.phase !== 'done', () => `attempt ${held.key} finishes twice`)
    held.phase = 'done'
    held.result = result
    this.#count(held, -1)
  }

  /** Reserves (1) what it takes, or gives it back (-1). */
  #count({ demand, gpus }: Held, sign: 1 | -1): void {
    accumulate(this.#reserved, demand.resources, sign)
    this.#gpus.count(gpus, gpuMilliOf(demand.resources), sign)
  }

  /** Forgets an attempt: acknowledged, or never begun. */
  drop(held: Held): void {
    if (held.phase !== 'done') this.#count(held, -1)
    this.#held.delete(held.key)
    this.#digest = undefined
  }

  /** Digest of all that is held; the coordinator compares it with what it believes. */
  digest(): string {
    this.#digest ??= setDigest(this.#held.keys())
    return this.#digest
  }
}

/** How an attempt that has no result yet stands in a report, which is `full` or tells only what is news. */
export function heldMessage(held: Held, full: boolean): HeldAttempt {
  const tellsCheckpoint = full || held.checkpointIsNews === true
  const phase = held.phase === 'done' ? 'ending' : held.phase
  return {
    attempt: held.attempt,
    task: held.task,
    phase,
    ...(held.started === undefined ? {} : { started: held.started }),
    ...(held.leaseMs === undefined ? {} : { leaseMs: held.leaseMs }),
    ...(held.gpus.length === 0 ? {} : { gpus: [...held.gpus] }),
    ...(held.checkpoint === undefined || !tellsCheckpoint ? {} : { checkpoint: held.checkpoint }),
  }
}
