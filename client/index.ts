/**
 * Covey's SDK.
 *
 * ```ts
 * import { connect } from 'covey'
 * const client = await connect({ url: 'mqtt://127.0.0.1:1883', mesh: 'home' })
 * const { id } = await client.submit({ run: { exec: ['uname', '-a'] } })
 * const { state, result } = await client.wait(id)
 * const array = await client.submit({ run: { exec: ['sha256sum'] }, array: ['a', 'b', 'c'] })
 * for await (const { element, state } of client.results(array.id)) console.log(element, state)
 * await client.close()
 * ```
 */
export { CoveyError } from '../shared/errors/errors.ts'
export type { ErrorCode } from '../shared/errors/table.ts'
export type { FunctionContext, FunctionHandler } from '../shared/functions/handler.ts'
export type { Attempt } from '../shared/protocol/attempt.ts'
export {
  type ArrayProgress,
  type Beacon,
  type Checkpoint,
  type ContainerRun,
  type Desired,
  type DeviceLoad,
  type DeviceState,
  type ElementResult,
  type ExecRun,
  type FunctionRun,
  isTerminal,
  type MeshConfig,
  type MeshEvent,
  type Run,
  TASK_STATES,
  type TaskLog,
  type TaskSpec,
  type TaskState,
  type TaskStatus,
  TERMINAL_STATES,
  type TerminalState,
  type WasmRun,
  type Withdraw,
} from '../shared/protocol/schemas/index.ts'
export {
  type ArtifactOptions,
  listArtifacts,
  type PutArtifact,
  putArtifact,
  removeArtifact,
} from './artifacts.ts'
export type { BoundedQueue } from './bounded-queue.ts'
export { WATCH_ITEMS_MAX } from './bounded-queue.ts'
export type { Client, Coordinator, WishOptions } from './client.ts'
export { type ConnectOptions, connect } from './connect.ts'
export type { Device } from './device.ts'
export type { DrainedOptions } from './drained.ts'
export type { ResultsOptions } from './results.ts'
export { InvalidSpecError, type Receipt, type SubmitOptions } from './submit.ts'
export type { WaitOptions } from './wait.ts'
export type { TaskChange, Watch, WatchOptions } from './watch.ts'
