/**
 * Holds commands to the limits that their tasks state: by control groups where the agent may make some, else by a
 * resource limit, which can bound the memory of each process alone and nothing of CPU. What held is told.
 *
 * A command enters its group by itself, before it becomes the program: from outside it could only be moved when it
 * runs already, and may have started others.
 */
import { createHash } from 'node:crypto'
import type { Held } from '../../../shared/protocol/schemas/index.ts'
import type { Log } from '../log.ts'
import { Cgroup, GROUP_PREFIX, removeGroup, removeLeftGroups } from './cgroup.ts'
import { findPlaces, type Place } from './cgroup-places.ts'
import type { CpuLimit, WishedLimits } from './wished-limits.ts'

/** `auto`: control groups, else a resource limit. */
export const EXEC_LIMITS = ['auto', 'rlimit', 'none'] as const
export type ExecLimits = (typeof EXEC_LIMITS)[number]

/** One command held to its limits. */
export interface Hold {
  /** Only what was wished; "none" where nothing can hold it. */
  readonly held: Held
  /** Program and arguments that enter the limits and then become the command. */
  wrap(command: readonly [string, ...string[]]): readonly [string, ...string[]]
  /** True once the system has killed one of its processes for want of memory. */
  readonly outOfMemory: boolean
  /** When its processes are gone. */
  release(): void
}

export interface LimiterOptions {
  readonly execLimits: ExecLimits
  readonly cpuLimit: CpuLimit
  /** The agent's data folder: names its groups among those of other agents. */
  readonly data: string
  readonly log: Log
}

/** Groups that could not be removed because something in them lives on; beyond it the oldest are left to the next start. */
const LINGERING_MAX = 1_000
const BYTES_PER_ULIMIT = 1024

export class Limiter {
  readonly #options: LimiterOptions
  readonly #places: readonly Place[]
  readonly #prefix: string
  readonly #lingering = new Set<Cgroup>()
  readonly #rlimits: boolean

  constructor(options: LimiterOptions) {
    this.#options = options
    this.#prefix = `${GROUP_PREFIX}${createHash('sha256').update(options.data).digest('hex').slice(0, 12)}-`
    this.#places = options.execLimits === 'auto' ? findPlaces(`${this.#prefix}probe`) : []
    // Elsewhere the limit of data says nothing of memory that is mapped, and that is most of it.
    this.#rlimits = options.execLimits !== 'none' && process.platform === 'linux'
  }

  /** What can hold each limit, for the log. */
  get means(): Held {
    const by = (controller: 'cpu' | 'memory') => {
      const place = this.#places.find(({ controllers }) => controllers.includes(controller))
      return place === undefined ? undefined : `cgroup ${place.version}`
    }
    return { cpu: by('cpu') ?? 'none', memory: by('memory') ?? (this.#rlimits ? 'rlimit' : 'none') }
  }

  /** KILLs and removes what a former start left in its groups. The caller runs nothing yet. */
  reap(): void {
    const left = removeLeftGroups(this.#places, this.#prefix)
    const still = left.filter((folder) => !removeGroup(folder))
    if (still.length > 0) {
      this.#options.log.debug({ groups: still.length }, 'control groups of a former start stay')
    }
  }

  /**
   * Makes ready for a command; `undefined` when it wishes for nothing.
   *
   * @param name of the attempt, unique while it runs
   */
  prepare(name: string, wished: WishedLimits): Hold | undefined {
    const { cpuMilli, memoryBytes } = wished
    if (cpuMilli === undefined && memoryBytes === undefined) return undefined
    const group = Cgroup.make(this.#places, this.#prefix + name, wished, this.#options.cpuLimit)
    const bounded = memoryBytes !== undefined && group.held.memory === undefined && this.#rlimits
    const steps = group.folders.map((folder) => `echo 0 > ${quoted(`${folder}/cgroup.procs`)}`)
    // Not the address space: programs such as Node reserve far more of that than they use.
    if (bounded) steps.push(`ulimit -d ${Math.ceil(memoryBytes / BYTES_PER_ULIMIT)}`)
    return {
      held: {
        ...(cpuMilli === undefined ? {} : { cpu: 'none' }),
        ...(memoryBytes === undefined ? {} : { memory: bounded ? 'rlimit' : 'none' }),
        ...group.held,
      },
      wrap: (command) =>
        steps.length === 0 ? command : ['/bin/sh', '-c', `${steps.join('\n')}\nexec "$@"`, 'sh', ...command],
      get outOfMemory() {
        return group.outOfMemory
      },
      release: () => this.#release(group),
    }
  }

  /** What its processes left running in sessions of their own keeps a group; it is tried again at later ends. */
  #release(group: Cgroup): void {
    this.#lingering.add(group)
    for (const one of this.#lingering) {
      if (one.remove() || this.#lingering.size > LINGERING_MAX) this.#lingering.delete(one)
    }
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
