/** The control group of one attempt: made, asked whether it ran out of memory, removed. */
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Held } from '../../../shared/protocol/schemas/index.ts'
import { AGENT_GROUP, lines, type Place, write } from './cgroup-places.ts'
import { type CpuLimit, cpuShares, type WishedLimits } from './wished-limits.ts'

/** The kernel's period of a quota; a core has as many microseconds in each. */
const PERIOD_US = 100_000
/** What the names of all agents' groups begin with. */
export const GROUP_PREFIX = 'covey-'
/** A group is empty only between its making and its command's entry, and after its agent has died. */
const ABANDONED_MS = 3_600_000
/** In version 2 the weight of one core, and the range. */
const WEIGHT_PER_CORE = 100
const WEIGHT_MAX = 10_000

export class Cgroup {
  readonly held: Held
  /** One for each place; whoever writes to `cgroup.procs` there enters. */
  readonly folders: readonly string[]

  private constructor(folders: readonly string[], held: Held) {
    this.folders = folders
    this.held = held
  }

  /** Makes a group wherever it can limit something that is wished; what no place can is not in `held`. */
  static make(places: readonly Place[], name: string, wished: WishedLimits, cpuLimit: CpuLimit): Cgroup {
    const folders: string[] = []
    let held: Held = {}
    for (const place of places) {
      const files = filesFor(place, wished, cpuLimit)
      if (files.length === 0) continue
      const folder = join(place.folder, name)
      try {
        mkdirSync(folder)
      } catch {
        // As many as there may be, or no longer ours: then something else has to hold it.
        continue
      }
      folders.push(folder)
      for (const { file, text, tells } of files) {
        if (write(join(folder, file), text) && tells !== undefined) held = { ...held, ...tells }
      }
    }
    return new Cgroup(folders, held)
  }

  /** True once the kernel has killed one of its processes for want of memory. */
  get outOfMemory(): boolean {
    return this.folders.some((folder) =>
      [...lines(join(folder, 'memory.events')), ...lines(join(folder, 'memory.oom_control'))].some((line) =>
        /^oom_kill [1-9]/.test(line),
      ),
    )
  }

  /** @returns true when it is gone; false while a process is in it */
  remove(): boolean {
    return this.folders.map(removeGroup).every((gone) => gone)
  }
}

/** Groups that begin so, of a former start; their processes are KILLed. @returns those that could not be removed yet */
export function removeLeftGroups(places: readonly Place[], prefix: string): string[] {
  const left = places.flatMap(({ folder }) => {
    return namesIn(folder)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(folder, name))
  })
  for (const folder of left) {
    for (const pid of lines(join(folder, 'cgroup.procs'))) kill(Number(pid))
  }
  removeAbandoned(places)
  return left.filter((folder) => !removeGroup(folder))
}

/** Groups of agents that never came back. Only the system knows whether one is empty; it refuses to remove others. */
function removeAbandoned(places: readonly Place[]): void {
  for (const { folder } of places) {
    for (const name of namesIn(folder)) {
      if (!name.startsWith(GROUP_PREFIX) || name === AGENT_GROUP) continue
      const made =
        statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY
      if (made < Date.now() - ABANDONED_MS) removeGroup(join(folder, name))
    }
  }
}

/** @returns true when it is gone */
export function removeGroup(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

interface LimitFile {
  readonly file: string
  readonly text: string
  /** What its being written tells; absent where it only completes another. */
  readonly tells?: Held
}

function filesFor(place: Place, { cpuMilli, memoryBytes }: WishedLimits, cpuLimit: CpuLimit): LimitFile[] {
  const { version, controllers } = place
  const files: LimitFile[] = []
  if (memoryBytes !== undefined && controllers.includes('memory')) {
    const tells = { memory: `cgroup ${version}` }
    const text = `${memoryBytes}`
    if (version === 'v1') {
      files.push(
        { file: 'memory.limit_in_bytes', text, tells },
        { file: 'memory.memsw.limit_in_bytes', text },
      )
    } else files.push({ file: 'memory.max', text, tells }, { file: 'memory.swap.max', text: '0' })
  }
  if (cpuMilli === undefined || !controllers.includes('cpu')) return files
  const tells = { cpu: `cgroup ${version} ${cpuLimit}` }
  const quotaUs = Math.max(1_000, Math.round((cpuMilli * PERIOD_US) / 1_000))
  if (cpuLimit === 'share') {
    const weight = Math.min(WEIGHT_MAX, Math.max(1, Math.round((cpuMilli * WEIGHT_PER_CORE) / 1_000)))
    if (version === 'v1') files.push({ file: 'cpu.shares', text: `${cpuShares(cpuMilli)}`, tells })
    else files.push({ file: 'cpu.weight', text: `${weight}`, tells })
  } else if (version === 'v1') {
    files.push({ file: 'cpu.cfs_period_us', text: `${PERIOD_US}` })
    files.push({ file: 'cpu.cfs_quota_us', text: `${quotaUs}`, tells })
  } else files.push({ file: 'cpu.max', text: `${quotaUs} ${PERIOD_US}`, tells })
  return files
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Gone meanwhile: then nothing is left there.
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
