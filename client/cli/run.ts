/** `covey run`: submits a command, prints its output, and exits as it did. */

import { constants } from 'node:os'
import { CoveyError } from '../../shared/errors/errors.ts'
import { ERRORS, type ErrorCode } from '../../shared/errors/table.ts'
import { isTerminal, type TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Client } from '../client.ts'
import { connect } from '../connect.ts'
import { abortable } from '../link.ts'
import { encodeSpec, randomTaskId } from '../submit.ts'
import { withdrawLimitMs } from '../withdraw-limit.ts'
import { ArrayOutput } from './array-output.ts'
import { type Context, interruptionOf } from './context.ts'
import {
  EXIT_CANCELLED,
  EXIT_NOT_FOUND,
  EXIT_RUN_FAILURE,
  EXIT_SIGNAL_BASE,
  EXIT_TIMED_OUT,
} from './exit-codes.ts'
import { LinkNotice } from './link-notice.ts'
import { artifactOptionsOf, connectOptionsOf } from './open-client.ts'
import { remark, reportError } from './report-error.ts'
import { putFiles } from './task-artifacts.ts'
import { TaskOutput } from './task-output.ts'
import { nameOf, type RunValues, specOf } from './task-spec.ts'
import { WaitingNotice } from './waiting-notice.ts'

const TAKE_BACK_TIMEOUT_MS = 2_000

/** Exit codes: see `EXIT_CODES`. @throws CoveyError what keeps the task from being submitted or waited for */
export async function run(context: Context, values: RunValues, operands: readonly string[]): Promise<number> {
  const spec = await specOf(context, values, operands)
  encodeSpec(spec) // a wrong spec is told before a broker is asked for
  const id = values.taskId ?? randomTaskId(nameOf(spec.run, values))
  if (values.wasm !== undefined || values.artifact !== undefined) {
    const names = new Set([
      ...Object.values(spec.artifacts ?? {}),
      ...('wasm' in spec.run ? [spec.run.wasm.module] : []),
    ])
    await putFiles(values, names, artifactOptionsOf(context, values))
  }
  const link = new LinkNotice(context)
  const connecting = connect({ ...connectOptionsOf(values), onLink: (down) => link.note(down) })
  const client = await abortable(connecting, context.interrupted)
  const notice = new WaitingNotice(context, id)
  let elements: ArrayOutput | undefined
  try {
    if (values.detach === true) {
      const receipt = await client.submit(spec, { id, signal: context.interrupted })
      context.stdout.write(values.json === true ? `${JSON.stringify(receipt)}\n` : `${id}\n`)
      notice.note(receipt.status)
      if (receipt.status.state !== 'rejected') return 0
      reportEnd(context, receipt.status, values.json === true)
      return EXIT_RUN_FAILURE
    }
    const json = values.json === true
    if (spec.array !== undefined) elements = new ArrayOutput(context, client, id, json, values.waitTimeout)
    const output = new TaskOutput(
      context,
      !json && elements === undefined && (values.follow ?? context.stdout.isTTY === true),
    )
    const status = await attended(context, client, {
      id,
      values,
      output,
      note: (status) => {
        notice.note(status)
        elements?.note(status)
      },
      withdrawMs: withdrawLimitMs(spec),
      submit: () => client.submit(spec, { id, signal: context.interrupted }),
    })
    const interruption = interruptionOf(context)
    if (status === undefined) return interruption?.exitCode ?? EXIT_RUN_FAILURE
    await elements?.finish()
    if (json) context.stdout.write(`${JSON.stringify(status)}\n`)
    else output.finish(status)
    reportEnd(context, status, json)
    return interruption !== undefined && status.state === 'cancelled'
      ? interruption.exitCode
      : exitCodeOf(status)
  } finally {
    elements?.stop()
    notice.stop()
    link.stop()
    await client.close()
  }
}

interface Attended {
  readonly id: string
  readonly values: RunValues
  readonly output: TaskOutput
  /** Hears of every status. */
  readonly note: (status: TaskStatus) => void
  /** How long the task may take to end once it is withdrawn. */
  readonly withdrawMs: number
  readonly submit: () => Promise<unknown>
}

/**
 * Submits and waits. What is interrupted or not receipted is withdrawn, so that nothing runs that nobody awaits.
 *
 * @returns the terminal status; `undefined` when it was interrupted before any coordinator had seen it
 */
async function attended(context: Context, client: Client, task: Attended): Promise<TaskStatus | undefined> {
  const { id, values, output, note } = task
  let receipted = false
  const wait = (timeoutMs: number, signal?: AbortSignal) =>
    client.wait(id, {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
      onStatus: note,
      onLog: (log) => output.take(log),
    })
  // Listens before it submits: output may come before the receipt does.
  const stop = new AbortController()
  const end = wait(values.waitTimeout, AbortSignal.any([stop.signal, context.interrupted]))
  end.catch(() => {}) // it is awaited below, or its failure follows from the submission's, which is thrown
  try {
    await task.submit()
    receipted = true
    return await end
  } catch (error) {
    stop.abort()
    const interrupted = interruptionOf(context) !== undefined
    const unanswered = !receipted && error instanceof CoveyError && error.code === 'E_WAIT_TIMEOUT'
    if (!interrupted && !unanswered) throw error
    if (!receipted) {
      const left = await takeBack(context, client, id, values.taskId === undefined)
      if (interrupted || !(error instanceof CoveyError)) return undefined
      throw new CoveyError(error.code, error.message, { remedy: left, cause: error })
    }
    remark(context, `withdrawing task ${id}; again leaves at once`)
    await client.withdraw(id)
    return await wait(task.withdrawMs)
  }
}

/**
 * Takes back what got no receipt. That may fail for the same reason as the receipt: then it is said, and no more.
 *
 * @returns what is left to do
 */
async function takeBack(context: Context, client: Client, id: string, random: boolean): Promise<string> {
  const remains = `It may still run; if so, end it with: covey cancel ${id}`
  // Under an id that somebody chose there may be another task, and that one is not ours to end.
  if (!random) {
    remark(context, `task ${id} was not withdrawn`)
    return remains
  }
  try {
    await client.withdraw(id, { timeoutMs: TAKE_BACK_TIMEOUT_MS })
    remark(context, `task ${id} was withdrawn before a coordinator took it up; nothing of it will run`)
    return 'Start an agent with "covey agent", or wait for one, and run it again; --detach leaves a task to wait for one'
  } catch (error) {
    remark(context, `task ${id} could not be withdrawn: ${(error as Error).message}`)
    return remains
  }
}

/** Says on standard error why a task did not succeed, unless its own output and exit code say it. */
function reportEnd(context: Context, status: TaskStatus, json: boolean): void {
  if (status.state === 'succeeded' || json || !isTerminal(status.state)) return
  if (status.state === 'failed' && status.result?.exitCode !== undefined) return
  if (status.error === undefined) {
    remark(
      context,
      `task ${status.task} ended as ${status.state}${status.explanation === '' ? '' : `: ${status.explanation}`}`,
    )
    return
  }
  const { code, message, path, remedy } = status.error
  const known = Object.hasOwn(ERRORS, code)
  const text = `task ${status.task} ended as ${status.state}: ${message}${path ? ` (at ${path})` : ''}`
  const error = new CoveyError(code as ErrorCode, text, {
    remedy: remedy ?? (known ? ERRORS[code as ErrorCode].remedy : ''),
  })
  reportError(context, error, false)
}

/** The exit code that stands for a terminal status. */
export function exitCodeOf(status: TaskStatus): number {
  const { state, result, error } = status
  if (state === 'succeeded') return result?.exitCode ?? 0
  if (state === 'timed_out') return EXIT_TIMED_OUT
  if (state === 'cancelled') return EXIT_CANCELLED
  if (state === 'rejected') return EXIT_RUN_FAILURE
  if (result?.exitCode !== undefined && result.exitCode !== 0) return result.exitCode
  const signal = constants.signals[result?.signal as NodeJS.Signals] as number | undefined
  if (signal !== undefined) return EXIT_SIGNAL_BASE + signal
  return error?.code === 'E_NOT_FOUND' ? EXIT_NOT_FOUND : EXIT_RUN_FAILURE
}
