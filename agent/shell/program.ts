/** Finding programs as the system does. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'

/**
 * Why a program cannot be started: it is not there, or may not be executed; `undefined` when it can.
 *
 * @param path folders to look in, as in `PATH`; a name with a slash is looked for from `cwd` alone
 */
export function programFault(program: string, path: string, cwd: string): 'ENOENT' | 'EACCES' | undefined {
  const files = program.includes('/')
    ? [resolve(cwd, program)]
    : path.split(delimiter).map((folder) => resolve(cwd, folder, program))
  let fault: 'ENOENT' | 'EACCES' = 'ENOENT'
  for (const file of files) {
    try {
      if (!statSync(file).isFile()) {
        fault = 'EACCES'
        continue
      }
      accessSync(file, constants.X_OK)
      return undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') fault = 'EACCES'
    }
  }
  return fault
}
