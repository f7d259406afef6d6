/** Devices and tasks as a fleet might have them, drawn from a seed. Every task fits at least two devices. */

import type { AgentOptions } from '../agent/core/options.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import type { Random } from '../shared/random/random.ts'
import { arrayOf, type Behaviour, runOf } from './node/behaviour.ts'
import type { Action } from './submitter.ts'

export interface FleetOptions {
  readonly mesh: string
  readonly devices: number
  /** Whether some devices have GPUs. Default: none has any. */
  readonly gpus?: boolean
}

export type DeviceSpec = Omit<AgentOptions, 'seed' | 'timing'>

/** Labels by which tasks are near each other or apart. */
const PLACES = ['device', 'zone'] as const
/** Values of the label `zone`. */
export const ZONES = ['z0', 'z1', 'z2'] as const
const ARCHITECTURES = ['arm64', 'x64'] as const
/** The least a device offers; no task asks for more. */
const CPU_MIN = 1
const MEMORY_MI_MIN = 512
/** The first of the devices have at least as many GPUs as a task may take, two of each architecture. */
const WITH_GPUS = 4
const GPUS_MIN = 2

/** Device n is `d<n>`; architectures alternate, so that each stands on half of them. */
export function drawFleet(random: Random, options: FleetOptions): DeviceSpec[] {
  // Generators of their own: whatever else a seed draws stays as it was.
  const gpus = random.fork('gpus')
  return Array.from({ length: options.devices }, (_, n) => ({
    mesh: options.mesh,
    device: `d${n}`,
    labels: { arch: ARCHITECTURES[n % 2] as string, zone: ZONES[n % 3] as string },
    capacity: {
      cpu: CPU_MIN + random.below(4),
      memory: `${MEMORY_MI_MIN * (1 + random.below(4))}Mi`,
      ...(options.gpus === true ? drawGpus(gpus, n) : {}),
    },
    executors: ['exec'],
    candidate: random.chance(0.1) && n >= 3 ? 'never' : 'auto',
    version: '0.1.0',
  }))
}

function drawGpus(random: Random, n: number): { gpu?: number } {
  if (n < WITH_GPUS) return { gpu: GPUS_MIN + random.below(2) }
  return random.chance(0.5) ? { gpu: 1 + random.below(4) } : {}
}

/** What an operator does with the fleet: cordons and drains devices for a while, each once at most. */
export function drawOperations(random: Random, devices: readonly string[], overMs: number): Action[] {
  const actions: Action[] = []
  for (const device of devices) {
    if (!random.chance(0.3)) continue
    const atMs = random.between(0, overMs * 0.9)
    const untilMs = Math.min(overMs, atMs + random.exponential(15_000))
    const desired = random.chance(0.5) ? { drain: true } : { cordon: true }
    actions.push({ atMs, do: 'desire', device, desired })
    actions.push({ atMs: untilMs, do: 'desire', device, desired: {} })
  }
  return actions.sort((a, b) => a.atMs - b.atMs)
}

export interface WorkloadOptions {
  readonly tasks: number
  /** All are submitted within this time, in milliseconds. */
  readonly overMs: number
  readonly submitters: number
  /** How long a task runs on average, in milliseconds. */
  readonly runMsMean?: number
  /** Share of tasks that are after others. Default 0. */
  readonly afterShare?: number
  /** Share of exclusive tasks. Default 0. */
  readonly exclusiveShare?: number
  /** Share of tasks that publish checkpoints. Default 0. */
  readonly checkpointShare?: number
  /** Share of tasks that would rather be somewhere, or stand in relation to others. Default 0. */
  readonly wishShare?: number
  /** Share of tasks that ask for GPUs. Default 0. */
  readonly gpuShare?: number
}

const RUN_MS_MEAN = 2_500
/** Share of tasks that write much, and how many pieces at most. */
const PRINTERS = 0.04
const PIECES_MAX = 80
const CHECKPOINTS_MAX = 8

/** What each submitter does and when. Task ids are `t<n>`. */
export function drawWorkload(random: Random, options: WorkloadOptions): Action[][] {
  const { runMsMean = RUN_MS_MEAN, afterShare = 0, exclusiveShare = 0, checkpointShare = 0 } = options
  const { wishShare = 0, gpuShare = 0 } = options
  const first: Submission[] = []
  const actions: Action[][] = Array.from({ length: options.submitters }, () => [])
  // Generators of their own: whatever else a seed draws stays as it was.
  const exclusive = random.fork('exclusive')
  const noise = random.fork('noise')
  const steps = random.fork('checkpoints')
  const wishes = random.fork('wishes')
  const gpus = random.fork('gpus')
  for (let n = 0; n < options.tasks; n++) {
    const mine = actions[n % options.submitters] as Action[]
    const atMs = random.between(0, options.overMs)
    const task = `t${n}`
    const prints = noise.chance(PRINTERS) ? 1 + noise.below(PIECES_MAX) : undefined
    const drawn = drawSpec(random, runMsMean, {
      ...(prints === undefined ? {} : { prints }),
      ...drawCheckpoints(steps, checkpointShare),
    })
    const wished = { ...drawn, ...drawWishes(wishes, wishShare), ...askGpus(gpus, gpuShare, drawn) }
    const spec = exclusive.chance(exclusiveShare) ? { ...wished, exclusive: true } : wished
    mine.push({ atMs, do: 'submit', task, spec })
    const laterMs = atMs + random.exponential(5_000)
    if (needsOthers(wished)) mine.push({ atMs: laterMs + NEAR_WAIT_MS, do: 'withdraw', task })
    const draw = random.float()
    first.push({ atMs, task, spec, again: draw < 0.17 || needsOthers(wished) })
    if (draw < 0.06) mine.push({ atMs: laterMs, do: 'withdraw', task })
    else if (draw < 0.1) mine.push({ atMs: laterMs, do: 'submit', task, spec })
    else if (draw < 0.13) mine.push({ atMs: laterMs, do: 'submit', task, spec: drawSpec(random, runMsMean) })
    else if (draw < 0.15) mine.push({ atMs: laterMs, do: 'clear', task })
    else if (draw < 0.17) mine.push({ atMs: laterMs, do: 'garbage', task, text: '{"run":42}' })
  }
  const joined = drawAfter(random.fork('after'), first, afterShare)
  return actions.map((mine) =>
    mine
      .map((action) => {
        const more = action.do === 'submit' ? joined.get(action.spec) : undefined
        return action.do === 'submit' && more !== undefined
          ? { ...action, spec: { ...action.spec, ...more } }
          : action
      })
      .sort((a, b) => a.atMs - b.atMs),
  )
}

/** The first that is submitted under an id. */
interface Submission {
  readonly atMs: number
  readonly task: string
  readonly spec: TaskSpec
  /** Something else is done to it later. */
  readonly again: boolean
}

/** Long enough for a submitter to hear of its receipt; what is sent again later would be a new task. */
const SHORT_TTL = '20s'
/** How many of the tasks before it one may be after. */
const NEAR = 6

/**
 * What tasks are after, and which of them are forgotten soon. Mostly one is after what came shortly before it, so that
 * chains and diamonds come about; also after what comes only next, ended long ago or never comes, and two after each
 * other.
 */
function drawAfter(
  random: Random,
  submissions: readonly Submission[],
  share: number,
): ReadonlyMap<TaskSpec, Pick<TaskSpec, 'after' | 'ttl'>> {
  const inTime = [...submissions].sort((a, b) => a.atMs - b.atMs)
  const after = new Map<number, Set<string>>()
  const join = (n: number, to: number): void => {
    const names = after.get(n) ?? new Set()
    after.set(n, names.add(inTime[to]?.task ?? 'nobody'))
  }
  for (let n = 0; n < inTime.length; n++) {
    if (!random.chance(share)) continue
    const draw = random.float()
    if (draw < 0.4) join(n, n - 1)
    else if (draw < 0.7) for (let one = 0; one < 3; one++) join(n, n - 1 - random.below(NEAR))
    else if (draw < 0.8) join(n, n + 1)
    else if (draw < 0.87) {
      join(n, n - 1)
      join(n - 1, n)
    } else if (draw < 0.94) join(n, random.below(n + 1))
    else join(n, -1)
  }
  const more = new Map<TaskSpec, Pick<TaskSpec, 'after' | 'ttl'>>()
  for (const [n, { spec, again }] of inTime.entries()) {
    const names = after.get(n)
    const short = share > 0 && !again && random.chance(0.3)
    if (names === undefined && !short) continue
    more.set(spec, {
      ...(names === undefined ? {} : { after: [...names] }),
      ...(short ? { ttl: SHORT_TTL } : {}),
    })
  }
  return more
}

export interface ArraysOptions {
  /** How likely there are any. */
  readonly share: number
  /** Elements of all arrays together. */
  readonly elementsMax: number
  readonly overMs: number
  readonly runMsMean: number
  /** Share of elements that publish checkpoints. Default 0. */
  readonly checkpointShare?: number
  /** Share of arrays whose elements ask for GPUs. Default 0. */
  readonly gpuShare?: number
}

const ARRAYS_MAX = 4

/** Arrays, and what their submitter does with them. Ids are `a<n>`. */
export function drawArrays(random: Random, options: ArraysOptions): Action[] {
  if (!random.chance(options.share)) return []
  const count = 1 + random.below(ARRAYS_MAX)
  const sizeMax = Math.max(1, Math.floor(options.elementsMax / count))
  const actions: Action[] = []
  const steps = random.fork('checkpoints')
  const gpus = random.fork('gpus')
  for (let n = 0; n < count; n++) {
    const atMs = random.between(0, options.overMs)
    const task = `a${n}`
    const behaviours = Array.from({ length: 1 + random.below(sizeMax) }, () => ({
      ...drawBehaviour(random, options.runMsMean),
      ...drawCheckpoints(steps, options.checkpointShare ?? 0),
    }))
    // What an array's elements need is drawn as a task's is.
    const { run: _, ...drawn } = drawSpec(random, options.runMsMean)
    const spec = { ...drawn, ...askGpus(gpus, options.gpuShare ?? 0, drawn) }
    const behind = random.float()
    const after = behind < 0.25 ? [`a${(n + 1) % count}`] : behind < 0.35 ? ['t0'] : undefined
    const submit: Action = {
      atMs,
      do: 'submit',
      task,
      spec: { ...spec, ...arrayOf(behaviours), ...(after === undefined ? {} : { after }) },
    }
    actions.push(submit)
    const laterMs = atMs + random.exponential(10_000)
    const draw = random.float()
    if (draw < 0.1) actions.push({ atMs: laterMs, do: 'withdraw', task })
    else if (draw < 0.2) actions.push({ ...submit, atMs: laterMs })
    else if (draw < 0.25) actions.push({ atMs: laterMs, do: 'garbage', task, text: '{"run":42}' })
  }
  return actions.sort((a, b) => a.atMs - b.atMs)
}

/** How many elements are submitted in all. */
export function elementsOf(actions: readonly Action[]): number {
  return actions.reduce(
    (sum, action) => sum + (action.do === 'submit' ? (action.spec.array?.length ?? 0) : 0),
    0,
  )
}

/** Whether something else must run for the task to be placed. */
export const needsOthers = ({ group, near = [] }: Partial<TaskSpec>): boolean =>
  near.some((relation) => relation.group !== group)

/** After that time a submitter takes back what must be near others. */
const NEAR_WAIT_MS = 30_000

/**
 * Wishes that a fleet can always meet in the end: what keeps others away ends some time. What must be near others is taken
 * back, and what contradicts itself is rejected.
 */
function drawWishes(random: Random, share: number): Partial<TaskSpec> {
  if (!random.chance(share)) return {}
  const kind = random.below(7)
  const n = random.below(3)
  if (kind === 0) return { prefer: [{ where: { zone: `z${n}` }, weight: 1 + random.below(100) }] }
  if (kind === 1) return { group: `s${n}`, spread: random.chance(0.5) ? 'zone' : 'device' }
  if (kind === 2) return { group: `a${n}`, apart: [{ group: `a${n}`, by: random.pick(PLACES) }] }
  if (kind === 3) return { group: `n${n}`, near: [{ group: `n${n}`, by: 'zone' }] }
  if (kind === 4)
    return { group: `a${n}`, apart: [{ group: `a${random.below(3)}`, by: random.pick(PLACES) }] }
  const near = [{ group: `n${n}`, by: random.pick(PLACES) }]
  if (kind === 5) return { near }
  return random.chance(0.5) ? { near, apart: near } : { where: { zone: '> z1' } }
}

function drawCheckpoints(random: Random, share: number): Pick<Behaviour, 'checkpoints'> {
  return random.chance(share) ? { checkpoints: 1 + random.below(CHECKPOINTS_MAX) } : {}
}

/** What it needs, with a share of one GPU, one, or two; some ask for the strategy that is made for that. */
function askGpus(
  random: Random,
  share: number,
  { resources }: Pick<TaskSpec, 'resources'>,
): Pick<TaskSpec, 'resources' | 'strategy'> {
  if (!random.chance(share)) return {}
  const draw = random.float()
  const gpu = draw < 0.7 ? `${100 * (1 + random.below(9))}m` : draw < 0.9 ? 1 : GPUS_MIN
  return { resources: { ...resources, gpu }, ...(random.chance(0.3) ? { strategy: 'replay' } : {}) }
}

function drawSpec(random: Random, runMsMean: number, more: Partial<Behaviour> = {}): TaskSpec {
  return {
    run: runOf({ ...drawBehaviour(random, runMsMean), ...more }),
    resources: { cpu: `${100 * (1 + random.below(8))}m`, memory: `${32 * (1 + random.below(8))}Mi` },
    ...(random.chance(0.3) ? { where: { arch: random.pick(ARCHITECTURES) } } : {}),
    ...(random.chance(0.3) ? { priority: random.below(101) } : {}),
    timeout: `${5 + random.below(30)}s`,
    grace: `${200 + random.below(2000)}ms`,
    retries: { failed: random.below(3), lost: 100 },
  }
}

function drawBehaviour(random: Random, runMsMean: number): Behaviour {
  const ms = Math.round(Math.min(random.exponential(runMsMean), 8 * runMsMean))
  const ends = random.chance(0.85) ? 'succeeds' : random.chance(0.7) ? 'fails' : 'hangs'
  return {
    ms,
    ends,
    ...(random.chance(0.05) ? { ignoresTerm: true } : {}),
    ...(random.chance(0.02) ? { missing: true } : {}),
  }
}
