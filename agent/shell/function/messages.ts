/** What an agent and a thread of its functions say to each other. Values travel as JSON text, so none can surprise. */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../../../shared/errors/table.ts'

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

export type ToThread =
  | {
      readonly to: 'call'
      readonly name: string
      /** JSON, or `undefined` when the task has no input. */
      readonly input: string | undefined
      readonly task: string
      readonly attempt: string
    }
  | { readonly to: 'abort' }

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
  /** It uses more memory than it may, garbage not counted. */
  | { readonly from: 'over'; readonly bytes: number }
  | {
      readonly from: 'returned'
      /** JSON, or `undefined` for nothing. */
      readonly json: string | undefined
      readonly fault: ThreadFault | undefined
      /** Output was left out because it came too fast. */
      readonly truncated: boolean
      /** The thread cannot be used again: it has kept too much. */
      readonly spent: boolean
    }
