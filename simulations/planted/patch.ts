/**
 * Plants bugs in a copy of the cores' sources: a string of the source is replaced by another, and the copy is loaded
 * beside the real one. The real sources are never touched, and hold no switch for it.
 *
 * The copy lives in a temporary folder. What the cores share with the simulator (`shared/`) is linked and not copied, so
 * that both have the same modules.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Agent } from '../../agent/core/agent.ts'
import type { CoreFactory } from '../node/node.ts'

/** One replacement. `find` must stand in the file exactly once. */
export interface Patch {
  /** Path below `agent/`. */
  readonly file: string
  readonly find: string
  readonly put: string
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CORES = ['core', 'worker', 'election', 'coordinator', 'planning']
const LINKED = ['shared', 'node_modules', 'package.json']

/**
 * The text with the patch in it.
 *
 * @throws Error when what is to be replaced is not there, or more than once: the patch must be brought up to date
 */
export function patched(text: string, { file, find, put }: Patch): string {
  const count = text.split(find).length - 1
  if (count !== 1) {
    const excerpt = find.length > 80 ? `${find.slice(0, 80)}…` : find
    throw new Error(`plant a bug in agent/${file}: found ${count} times instead of once: ${excerpt}`)
  }
  return text.replace(find, () => put)
}

export interface Planted {
  readonly core: CoreFactory
  /** Removes the copy. */
  remove(): void
}

/**
 * Loads a copy of the agent's cores with the patches in it.
 *
 * @throws Error when a patch does not fit the source any more
 */
export async function plant(patches: readonly Patch[]): Promise<Planted> {
  const folder = mkdtempSync(join(tmpdir(), 'covey-planted-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    for (const name of LINKED) symlinkSync(join(ROOT, name), join(folder, name))
    for (const name of CORES) {
      const filter = (path: string): boolean => !path.endsWith('.test.ts')
      cpSync(join(ROOT, 'agent', name), join(folder, 'agent', name), { recursive: true, filter })
    }
    for (const patch of patches) {
      const path = join(folder, 'agent', patch.file)
      writeFileSync(path, patched(readFileSync(path, 'utf8'), patch))
    }
    const url = pathToFileURL(join(folder, 'agent/core/agent.ts')).href
    const loaded = (await import(/* @vite-ignore */ url)) as { Agent: typeof Agent }
    return { core: (options) => new loaded.Agent(options), remove }
  } catch (error) {
    remove()
    throw error
  }
}
