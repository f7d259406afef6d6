/**
 * What a module of functions exports: handlers under their names, each called with the task's input.
 *
 * ```ts
 * import type { FunctionHandler } from 'covey'
 * export const countWords: FunctionHandler<{ text: string }, number> = ({ text }, { progress }) => {
 *   progress({ chars: text.length })
 *   return text.split(/\s+/).length
 * }
 * ```
 */

/** What a handler is given beside its input. */
export interface FunctionContext {
  readonly mesh: string
  readonly device: string
  readonly task: string
  /** Name of the attempt, as it stands in logs. */
  readonly attempt: string
  /** Absolute paths of the task's artifacts by name: files to read, gone when the handler has ended. */
  readonly artifacts: Readonly<Record<string, string>>
  /** Which of the device's GPUs the task was given, numbered from 0: none unless it asks for `gpu`. */
  readonly gpus: readonly number[]
  /**
   * Aborted when the task is cancelled, its time is over or the agent stops. A handler that has not ended when the
   * task's grace is over is ended with its thread.
   */
  readonly signal: AbortSignal
  /**
   * Tells whoever watches how far it is: any JSON, at most `PROGRESS_JSON_BYTES_MAX`. Only the latest is told, a few
   * times a second.
   *
   * @throws TypeError when JSON cannot hold it
   */
  progress(value: unknown): void
  /**
   * Publishes what the task can go on from when it is retried, moved or rerouted: any JSON, at most
   * `CHECKPOINT_BYTES_MAX`. The latest counts; it is passed on every `CHECKPOINT_EVERY_MS`, and at the end of a call.
   *
   * @throws TypeError when JSON cannot hold it, RangeError when it is too large
   */
  checkpoint(value: unknown): void
  /** What the attempt before published last; `undefined` when there is none. */
  readonly lastCheckpoint: unknown
  /** Writes a line to the task's output; `console` does too. */
  log(text: string): void
}

/**
 * A handler. What it returns, or what its promise resolves to, is the task's value and has to be JSON.
 *
 * With `input`, a JSON Schema, input that does not match fails the task before the handler is called.
 */
export type FunctionHandler<Input = unknown, Output = unknown> = ((
  input: Input,
  context: FunctionContext,
) => Output | Promise<Output>) & { readonly input?: object }
