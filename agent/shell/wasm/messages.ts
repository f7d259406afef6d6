/** What an agent and the process of a module say to each other. */
import type { ModuleFault } from './bounded-module.ts'

export interface ModuleOrder {
  /** File of the module. */
  readonly module: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The folder that the module sees as `/`. */
  readonly files: string
  readonly filesBytesMax: number
  readonly memoryBytesMax: number
}

export type ModuleReport =
  | {
      readonly exitCode: number
      /** It ended with all the memory that it may have. */
      readonly memoryFull: boolean
    }
  | { readonly fault: ModuleFault }
