/**
 * The control groups that bound this process. Version 2 is one tree; version 1 has a tree for each controller. A
 * limit may stand at any level above the process, and in a container the path that the kernel tells may lie outside
 * of what is mounted, so every level from the path up to the root is looked at.
 */
import { join } from 'node:path'
import { type Roots, readText } from './roots.ts'

/** A controller of version 1, and its folder's name. */
export type Controller = 'cpu' | 'cpuacct' | 'memory'

export interface Cgroup {
  readonly version: 1 | 2
  /** Folders from the process's own group up to the root, nearest first. */
  readonly levels: readonly string[]
}

/** The groups of the process for a controller; `undefined` where there are none. */
export function findCgroup(roots: Roots, controller: Controller): Cgroup | undefined {
  const lines = (readText(`${roots.proc}/self/cgroup`) ?? '').split('\n').map((line) => line.split(':'))
  const mount = join(roots.sys, 'fs/cgroup')
  for (const [, controllers, ...path] of lines) {
    const own = path.join(':')
    // With both versions mounted, a controller that version 1 has is not in version 2.
    if (controllers?.split(',').includes(controller) === true) {
      return {
        version: 1,
        levels: levelsUp(join(mount, controllers), own).concat(levelsUp(join(mount, controller), own)),
      }
    }
  }
  const unified = lines.find(([, controllers]) => controllers === '')
  if (unified === undefined) return undefined
  return { version: 2, levels: levelsUp(mount, unified.slice(2).join(':')) }
}

function levelsUp(mount: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return Array.from({ length: parts.length + 1 }, (_, up) =>
    join(mount, ...parts.slice(0, parts.length - up)),
  )
}
