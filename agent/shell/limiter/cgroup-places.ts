/**
 * Where this agent may make control groups of its own: below the group that it is in, so that whatever limits the
 * agent limits its work too. Version 1 has a tree for every controller, version 2 one tree for all.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Controller = 'cpu' | 'memory'

/** A folder in which groups can be made, and what they can limit. */
export interface Place {
  readonly version: 'v1' | 'v2'
  readonly folder: string
  readonly controllers: readonly Controller[]
}

const CONTROLLERS: readonly Controller[] = ['cpu', 'memory']
/** The group that the agent moves to, because in version 2 a group that passes limits on may hold no process. */
export const AGENT_GROUP = 'covey-agent'

interface Mount {
  readonly root: string
  readonly folder: string
  readonly version: 'v1' | 'v2'
  readonly options: readonly string[]
}

/**
 * Places whose groups can be made, by trying it; none on systems without control groups, or where they may not be
 * made. In version 2 the agent moves into a group of its own when it is alone in its group and that is what it takes.
 *
 * @param proc in place of /proc
 */
export function findPlaces(probe: string, proc: string = '/proc'): readonly Place[] {
  const mounts = readMounts(proc)
  const own = readOwnGroups(proc)
  const places: Place[] = []
  for (const controller of CONTROLLERS) {
    const mount = mounts.find(({ version, options }) => version === 'v1' && options.includes(controller))
    const path = own.find(({ controllers }) => controllers.includes(controller))?.path
    if (mount === undefined || path === undefined) continue
    const folder = folderOf(mount, path)
    if (canMake(folder, probe)) places.push({ version: 'v1', folder, controllers: [controller] })
  }
  if (places.length > 0) return places
  const unified = mounts.find(({ version }) => version === 'v2')
  const path = own.find(({ controllers }) => controllers.length === 0)?.path
  if (unified === undefined || path === undefined) return []
  const folder = folderOf(unified, path)
  const controllers = canMake(folder, probe) ? passedOn(folder) : []
  return controllers.length === 0 ? [] : [{ version: 'v2', folder, controllers }]
}

/** Lines like `36 31 0:33 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`. */
function readMounts(proc: string): Mount[] {
  return lines(`${proc}/self/mountinfo`).flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '/', folder = ''] = before.split(' ')
    const [type = '', , options = ''] = after.split(' ')
    if (type !== 'cgroup' && type !== 'cgroup2') return []
    return [
      {
        root,
        folder,
        version: type === 'cgroup' ? ('v1' as const) : ('v2' as const),
        options: options.split(','),
      },
    ]
  })
}

/** Lines like `4:memory:/path`, and `0::/path` for version 2. */
function readOwnGroups(proc: string): { controllers: string[]; path: string }[] {
  return lines(`${proc}/self/cgroup`).map((line) => {
    const [, controllers = '', ...path] = line.split(':')
    return { controllers: controllers === '' ? [] : controllers.split(','), path: path.join(':') }
  })
}

/** A container sees its own group as the root of the mount. */
function folderOf({ root, folder }: Mount, path: string): string {
  if (root === '/') return join(folder, path)
  return path.startsWith(root) ? join(folder, path.slice(root.length)) : folder
}

function canMake(folder: string, probe: string): boolean {
  const made = join(folder, probe)
  try {
    mkdirSync(made)
    rmdirSync(made)
    return true
  } catch {
    // Read-only, another user's, or not there: in each case there is no place here.
    return false
  }
}

/** The controllers that groups in the folder have, after what can be done about it. */
function passedOn(folder: string): Controller[] {
  const has = (file: string) => {
    const found = lines(join(folder, file)).join(' ').split(' ')
    return CONTROLLERS.filter((controller) => found.includes(controller))
  }
  const possible = has('cgroup.controllers')
  if (possible.every((controller) => has('cgroup.subtree_control').includes(controller))) return possible
  const order = possible.map((controller) => `+${controller}`).join(' ')
  if (!write(join(folder, 'cgroup.subtree_control'), order) && moveAside(folder)) {
    if (!write(join(folder, 'cgroup.subtree_control'), order)) moveBack(folder)
  }
  return has('cgroup.subtree_control')
}

/** @returns false when others are in the agent's group: they are not ours to move */
function moveAside(folder: string): boolean {
  const procs = lines(join(folder, 'cgroup.procs'))
  if (procs.length !== 1 || procs[0] !== `${process.pid}`) return false
  try {
    mkdirSync(join(folder, AGENT_GROUP), { recursive: true })
  } catch {
    // As good as a refusal to move.
    return false
  }
  return write(join(folder, AGENT_GROUP, 'cgroup.procs'), `${process.pid}`)
}

function moveBack(folder: string): void {
  write(join(folder, 'cgroup.procs'), `${process.pid}`)
}

/** @returns whether the system took it */
export function write(file: string, text: string): boolean {
  try {
    writeFileSync(file, text)
    return true
  } catch {
    // What a system refuses here is answered by doing without, and told as such.
    return false
  }
}

/** The lines of a file; none when it cannot be read. */
export function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    // Not every system has it.
    return []
  }
}
