/**
 * Checkpoints: what the attempts of unfinished tasks published last, kept so that whoever runs a task next goes on from
 * there. Only a task's current attempt is believed, as with results; all that is kept is bounded.
 */
import { CHECKPOINT_BYTES_MAX } from '../../shared/model/checkpoint.ts'
import { type Attempt, compareAttempts, sameAttempt } from '../../shared/protocol/attempt.ts'
import { valueBytes } from '../../shared/protocol/json-text.ts'
import { type Checkpoint, isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import type { TaskRecord } from './task-record.ts'

/** Bytes of JSON that all checkpoints may take which a coordinator keeps. */
export const CHECKPOINTS_BYTES_MAX = 64 * 1024 * 1024

export class Checkpoints {
  readonly #context: Context
  readonly #bytesMax: number
  /** Bytes of each task's or element's. */
  readonly #kept = new Map<TaskRecord, number>()
  #bytes = 0
  /** Those of which it was said that theirs are not taken. */
  readonly #told = new WeakSet<TaskRecord>()

  constructor(context: Context, bytesMax: number = CHECKPOINTS_BYTES_MAX) {
    this.#context = context
    this.#bytesMax = bytesMax
  }

  /**
   * The attempt's device tells what the attempt has to go on from: its own, or what it was given.
   *
   * @returns true when that is taken, and is news
   */
  take(task: TaskRecord, attempt: Attempt, checkpoint: Checkpoint | undefined): boolean {
    if (checkpoint === undefined || !sameAttempt(task.current?.attempt, attempt)) return false
    return this.#keep(task, checkpoint, sameAttempt(checkpoint.attempt, attempt))
  }

  /** An earlier coordinator's status tells of it. @returns true when that is taken, and is news */
  found(task: TaskRecord, checkpoint: Checkpoint | undefined): boolean {
    return checkpoint !== undefined && this.#keep(task, checkpoint, false)
  }

  /** @param own it is of the task's current attempt, which nobody has outlived, whatever its name */
  #keep(task: TaskRecord, checkpoint: Checkpoint, own: boolean): boolean {
    if (isTerminal(task.state) || !isNewer(checkpoint, task.checkpoint, own)) return false
    const bytes = valueBytes(checkpoint.value)
    const grown = this.#bytes - (this.#kept.get(task) ?? 0) + bytes
    if (bytes > CHECKPOINT_BYTES_MAX || grown > this.#bytesMax) {
      this.#complain(task, bytes, grown)
      return false
    }
    this.#bytes = grown
    this.#kept.set(task, bytes)
    task.checkpoint = checkpoint
    return true
  }

  #complain(task: TaskRecord, bytes: number, all: number): void {
    if (this.#told.has(task)) return
    this.#told.add(task)
    const about = { task: task.id, bytes, bytesMax: CHECKPOINT_BYTES_MAX, all, allMax: this.#bytesMax }
    this.#context.log('warn', 'a checkpoint is not taken: it is too large, or all together are', about)
  }

  /** Nobody will go on from it. */
  drop(task: TaskRecord): void {
    task.checkpoint = undefined
    this.#bytes -= this.#kept.get(task) ?? 0
    this.#kept.delete(task)
  }
}

/** Reports may overtake each other, and a device that was killed may have forgotten what it had told. */
function isNewer(found: Checkpoint, known: Checkpoint | undefined, own: boolean): boolean {
  if (known === undefined) return true
  if (sameAttempt(found.attempt, known.attempt)) return found.seq > known.seq
  return own || compareAttempts(found.attempt, known.attempt) > 0
}
