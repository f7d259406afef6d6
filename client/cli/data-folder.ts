/** Where a command keeps what must survive a restart. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Context } from './context.ts'

/**
 * The folder that was named, or `covey/<part>` in the user's data folder (XDG); it is made if it is missing.
 *
 * @throws CoveyError E_USAGE when it cannot be made
 */
export function dataFolder(context: Context, named: string | undefined, ...parts: string[]): string {
  const base = context.env['XDG_DATA_HOME'] || join(context.home, '.local', 'share')
  const folder = named === undefined ? join(base, 'covey', ...parts) : resolve(context.cwd, named)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new CoveyError('E_USAGE', `the data folder ${folder} cannot be made: ${(error as Error).message}`, {
      remedy: 'Name a folder that may be written to with --data',
    })
  }
  return folder
}
