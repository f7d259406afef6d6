/** What an agent and the process of a module say to each other. */
import type { ModuleFault } from './bounded-module.ts'

/** Where a module sees the folder of its checkpoint. */
export const CHECKPOINT_MOUNT = '/.checkpoint'

export interface ModuleOrder {
  /** File of the module. */
  readonly module: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The folder that the module sees as `/`. */
  readonly files: string
  /** The folder that it sees as `CHECKPOINT_MOUNT`: outside of the other, so that it cannot put a link in its place. */
  readonly checkpoint: string
  readonly filesBytesMax: number
  readonly memoryBytesMax: number
}

export type ModuleReport =
  | {
      readonly exitCode: number
      /** Memory in use at the end. */
      readonly memoryBytes: number
    }
  | { readonly fault: ModuleFault }

/**
 * How full its memory was when a module failed; `undefined` when there was room. A module is not seen to ask for memory
 * in vain, so this is the sign of it: some ask for an eighth more at once.
 */
export function memoryHint(memoryBytes: number, memoryBytesMax: number): string | undefined {
  if (memoryBytes <= memoryBytesMax * FULL_SHARE) return undefined
  return `with ${memoryBytes} of its ${memoryBytesMax} bytes of memory in use`
}

const FULL_SHARE = 7 / 8
