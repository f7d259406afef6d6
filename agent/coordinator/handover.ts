/**
 * Handover: what its predecessors put out goes to a task as a part of its input. It is put there when the task is
 * placed, and again whenever it is placed anew, from the statuses that are kept for it.
 */
import { cutToJsonBytes, jsonBytes, valueBytes } from '../../shared/protocol/json-text.ts'
import { HANDOVER_BYTES_MAX, type TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { TaskRecord } from './task-record.ts'

/** What a task is told of one predecessor. */
interface Output {
  readonly exitCode?: number
  /** What a function returned; whole or not at all. */
  readonly value?: unknown
  readonly stdout: string
  /** The output was cut, here or where it was made. */
  readonly truncated?: true
}

/**
 * The spec as a device gets it. One without `after` is unchanged; else `input` becomes an object of its own `input`, when
 * it has one, and `after`: by name, the output of each predecessor.
 *
 * @param find what is known of a task
 */
export function handOver(spec: TaskSpec, find: (id: string) => TaskRecord | undefined): TaskSpec {
  if (spec.after === undefined) return spec
  const after: Record<string, Output> = {}
  let leftBytes = HANDOVER_BYTES_MAX
  for (const [n, id] of spec.after.entries()) {
    const result = find(id)?.result
    // An equal share of what those before it have left over.
    const shareBytes = Math.floor(leftBytes / (spec.after.length - n))
    const value = valueBytes(result?.value) <= shareBytes ? result?.value : undefined
    const written = result?.stdout ?? ''
    const stdout = cutToJsonBytes(written, shareBytes - valueBytes(value))
    leftBytes -= jsonBytes(stdout) + valueBytes(value)
    const whole = stdout === written && value === result?.value && result?.truncated !== true
    after[id] = {
      ...(result?.exitCode === undefined ? {} : { exitCode: result.exitCode }),
      ...(value === undefined ? {} : { value }),
      stdout,
      ...(whole ? {} : { truncated: true }),
    }
  }
  return { ...spec, input: { ...(spec.input === undefined ? {} : { input: spec.input }), after } }
}
