/**
 * Reads workflows in two forms: graphs with a network of their own, as in DAGBench, and recorded executions without one,
 * as in WfInstances, which are to run on a fleet that is handed in.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Dependency, GraphProblem } from '../agent/planning/graphs/problem.ts'
import { CoveyError } from '../shared/errors/errors.ts'
import { type FleetDevice, linksOf, slowdown } from './edge-fleet.ts'

export const GRAPHS_NEEDED =
  'workflows are NAME.json with task_graph and network, as in DAGBench, and NAME.json.gz of recorded tasks with id, ' +
  'parents, runtime, in and out, as in WfInstances with the bytes of files summed up'

/** The recorded ones come twice: with devices of which speed says all, and with programs that suit some devices more. */
export const GRAPH_SETS = ['dagbench', 'wfinstances by speed', 'wfinstances by program'] as const
export type GraphSet = (typeof GRAPH_SETS)[number]

export interface Workflow {
  readonly set: GraphSet
  readonly name: string
  readonly problem: GraphProblem
}

interface NetworkFile {
  readonly task_graph: {
    readonly tasks: readonly { readonly name: string; readonly cost: number }[]
    readonly dependencies: readonly {
      readonly source: string
      readonly target: string
      readonly size: number
    }[]
  }
  readonly network: {
    readonly nodes: readonly { readonly name: string; readonly speed: number }[]
    readonly edges: readonly { readonly source: string; readonly target: string; readonly speed: number }[]
  }
}

interface RecordedFile {
  readonly tasks: readonly {
    readonly id: string
    readonly parents: readonly number[]
    readonly runtime: number
    readonly mem?: number | null
    readonly in?: number | null
    readonly out?: number | null
  }[]
}

/**
 * The workflows in the folder, by name.
 *
 * @param seed of what programs suit which devices
 * @param most how many files of each form, the first of them
 * @throws when there is none, or one is not of the form that it should have
 */
export function readWorkflows(
  folder: string,
  fleet: readonly FleetDevice[],
  seed: string,
  most = Number.POSITIVE_INFINITY,
): Workflow[] {
  const files = namesIn(folder)
  const ending = (end: string): string[] => files.filter((file) => file.endsWith(end)).slice(0, most)
  const networks = ending('.json').map((file): Workflow => {
    const problem = parsed(file, () => networked(JSON.parse(readFileSync(join(folder, file), 'utf8'))))
    return { set: 'dagbench', name: file.replace(/\.json$/, ''), problem }
  })
  const records = ending('.json.gz').flatMap((file): Workflow[] => {
    const name = file.replace(/(?:-001)?\.json\.gz$/, '')
    const problem = (factor: Factor): GraphProblem =>
      parsed(file, () =>
        recorded(JSON.parse(gunzipSync(readFileSync(join(folder, file))).toString()), fleet, factor),
      )
    const bySeed: Factor = (program, device) => slowdown(seed, program, device)
    return [
      { set: 'wfinstances by speed', name, problem: problem(undefined) },
      { set: 'wfinstances by program', name, problem: problem(bySeed) },
    ]
  })
  if (networks.length + records.length === 0) {
    throw new CoveyError('E_USAGE', `${folder} has no workflows; ${GRAPHS_NEEDED}`)
  }
  return [...networks, ...records]
}

/** By how much longer a program takes on a device than its speed says; `undefined`: not at all. */
type Factor = ((program: string, device: string) => number) | undefined

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (cause) {
    throw new CoveyError('E_USAGE', `${folder} cannot be read; ${GRAPHS_NEEDED}`, { cause })
  }
}

function parsed(file: string, form: () => GraphProblem): GraphProblem {
  try {
    return form()
  } catch (cause) {
    throw new CoveyError('E_USAGE', `${file} is not of the form it should have; ${GRAPHS_NEEDED}`, { cause })
  }
}

/** Speeds and sizes as they are given. A link holds both ways where only one is given; one to itself says nothing. */
function networked({ task_graph: graph, network }: NetworkFile): GraphProblem {
  return {
    tasks: graph.tasks.map(({ name, cost }) => ({ id: name, cost })),
    dependencies: graph.dependencies.map(({ source, target, size }) => ({ from: source, to: target, size })),
    devices: network.nodes.map(({ name, speed }) => ({ id: name, speed })),
    links: network.edges
      .filter(({ source, target }) => source !== target)
      .map(({ source, target, speed }) => ({ from: source, to: target, bandwidth: speed })),
  }
}

const MIB = 2 ** 20

/** What a task runs, which is its name without the number that tells it from others. */
const programOf = (name: string): string => name.replace(/(?:[_-]?(?:ID)?\d+)+$/, '')

/**
 * A second of what was recorded is one of a device of speed 1. A task may go where its memory fits. What a task reads
 * comes from those it waits for as far as they wrote it, in shares of what they wrote: which of them wrote which file
 * is not known any more. What comes from nobody is everywhere.
 */
function recorded({ tasks }: RecordedFile, fleet: readonly FleetDevice[], factor: Factor): GraphProblem {
  const id = (at: number): string => `task-${at}`
  const dependencies = tasks.flatMap((task, to) => {
    const written = task.parents.reduce((sum, from) => sum + (tasks[from]?.out ?? 0), 0)
    const share = written === 0 ? 0 : Math.min(1, (task.in ?? 0) / written)
    return task.parents.map((from): Dependency => {
      return { from: id(from), to: id(to), size: (tasks[from]?.out ?? 0) * share }
    })
  })
  return {
    tasks: tasks.map(({ id: name, runtime, mem }, at) => {
      const fitting = fleet.filter(({ memoryMib }) => (mem ?? 0) <= memoryMib * MIB)
      const eligible = fitting.length < fleet.length ? { eligible: fitting.map((device) => device.id) } : {}
      const seconds = fleet.map(({ id: device, speed }) => {
        return [device, (runtime / speed) * (factor?.(programOf(name), device) ?? 1)] as const
      })
      return { id: id(at), cost: runtime, seconds: Object.fromEntries(seconds), ...eligible }
    }),
    dependencies,
    devices: fleet.map(({ id: device, speed }) => ({ id: device, speed })),
    links: linksOf(fleet),
  }
}

/** Makespans of HEFT that somebody else computed, from `heft_baseline.csv` in the folder; none without it. */
export function readBaseline(folder: string): ReadonlyMap<string, number> {
  const file = 'heft_baseline.csv'
  if (!namesIn(folder).includes(file)) return new Map()
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n')
  if (!lines[0]?.startsWith('id,heft_makespan')) {
    throw new CoveyError(
      'E_USAGE',
      `${file}: its first line is ${lines[0]}; it should begin with id,heft_makespan`,
    )
  }
  return new Map(
    lines.slice(1).map((line) => {
      const [name = '', makespan] = line.split(',')
      return [name, Number(makespan)]
    }),
  )
}
