/** Where the system shows itself; tests put folders of their own in their place. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Roots {
  readonly proc: string
  readonly sys: string
}

export const SYSTEM_ROOTS: Roots = { proc: '/proc', sys: '/sys' }

/** The text of a small file; `undefined` when it is not there, or a sensor does not answer. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    // Not every system has every file, and drivers fail reads with all kinds of codes: there is nothing to show.
    return undefined
  }
}

/** The number in a small file; `undefined` when there is none. */
export function readNumber(path: string): number | undefined {
  const text = readText(path)
  if (text === undefined || !/^-?\d+(\.\d+)?$/.test(text)) return undefined
  return Number(text)
}

/** Names in a folder, sorted; empty when there is no such folder. */
export function readNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
