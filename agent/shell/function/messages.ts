/** What an agent, the process of its functions and a thread in it say to each other. Values travel as JSON text, so none can surprise. */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../../../shared/errors/table.ts'
import type { AgentIdentity } from '../child-environment.ts'
import type { ShellLimits } from '../limits.ts'

/** What a thread is started with. */
export interface ThreadData {
  /** File URL of the user's module. */
  readonly module: string
  readonly port: MessagePort
  /** Heap and buffers together; 0: no call will follow. */
  readonly memoryBytesMax: number
  readonly logBytesPerSecondMax: number
  readonly mesh: string
  readonly device: string
}

export interface ThreadCall {
  readonly name: string
  /** JSON, or `undefined` when the task has no input. */
  readonly input: string | undefined
  readonly task: string
  readonly attempt: string
  /** Paths of the task's artifacts by name. */
  readonly artifacts: Readonly<Record<string, string>>
  readonly gpus: readonly number[]
  /** JSON of what the attempt before published last; `undefined` when there is none. */
  readonly checkpoint: string | undefined
}

export type ToThread = { readonly to: 'call'; readonly call: ThreadCall } | { readonly to: 'abort' }

export interface ThreadFault {
  readonly code: ErrorCode
  readonly message: string
  /** Where it was thrown. */
  readonly stack?: string
}

export type FromThread =
  | { readonly from: 'loaded'; readonly names: readonly string[] }
  | { readonly from: 'unloadable'; readonly message: string }
  | { readonly from: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly from: 'progress'; readonly json: string }
  | { readonly from: 'checkpoint'; readonly json: string }
  /** It uses more memory than it may, garbage not counted. */
  | { readonly from: 'over'; readonly bytes: number }
  | { readonly from: 'returned'; readonly returned: Returned }

export interface Returned {
  /** JSON, or `undefined` for nothing. */
  readonly json: string | undefined
  readonly fault: ThreadFault | undefined
  /** Output was left out because it came too fast. */
  readonly truncated: boolean
  /** The thread cannot be used again: it has kept too much. */
  readonly spent: boolean
}

/** What a thread is to be. */
export interface ThreadWish {
  /** File URL of the module. */
  readonly module: string
  readonly agent: Pick<AgentIdentity, 'mesh' | 'device'>
  readonly memoryBytesMax: number
  readonly limits: Pick<ShellLimits, 'logBytesPerSecondMax' | 'functionLoadMs' | 'killWaitMs'>
}

/** What whoever uses a thread at the moment wants to hear. */
export interface ThreadListener {
  output(stream: 'stdout' | 'stderr', text: string): void
  progress(json: string): void
  checkpoint(json: string): void
  /** The call is over; the thread may be used again unless `spent`. */
  returned(returned: Returned): void
  /** The thread is over before the call was. */
  broke(fault: ThreadFault): void
}

/** What the agent asks of a thread, through the process that it lives in. */
export type ThreadOrder =
  | { readonly to: 'start'; readonly wish: ThreadWish }
  | ToThread
  | { readonly to: 'terminate'; readonly fault: ThreadFault }

export type ToHost = ThreadOrder & { readonly id: number }

export type FromHost = { readonly id: number } & (
  | { readonly from: 'loaded'; readonly names: readonly string[] }
  | { readonly from: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly from: 'progress'; readonly json: string }
  | { readonly from: 'checkpoint'; readonly json: string }
  | { readonly from: 'returned'; readonly returned: Returned }
  | { readonly from: 'over'; readonly fault: ThreadFault }
  | { readonly from: 'gone'; readonly gone: boolean }
)
