/**
 * Policies on the openb trace: 1,213 nodes with GPUs and 8,152 pods, some of which take a part of one GPU.
 * The published protocol: pods come one after another in a random order, and pods drawn from among them after those, until
 * what they ask for is 130 % of all GPUs. Each is placed once or dropped, none leaves. What counts is the share of all
 * GPUs that is then allocated. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation
 * Gradient Descent", USENIX ATC 2023.
 */
import { PartFleet } from '../agent/planning/part-fleet.ts'
import { Random } from '../shared/random/random.ts'
import { GPU_MILLI, type GpuNode, type GpuPlace, type GpuPod, hasRoom, takeGpus } from './gpu-cluster.ts'
import { POLICIES, PUBLISHED, type Published } from './gpu-published.ts'
import { byScheduler } from './gpu-scheduler.ts'
import { bestFit, dotProduct, fragmentationDescent, type GpuScore } from './gpu-scores.ts'
import { readNodes, readPods, type Workload, workloadsIn } from './gpu-workload.ts'
import { table } from './table.ts'

/** The mesh's own, as planned and as its scheduler places online; the others are published. */
export const OURS = 'replay'
export const ONLINE = 'replay online'
/** Whether a row is of the mesh's own. */
export const isOwn = (policy: string): boolean => policy === OURS || policy === ONLINE

export interface TraceRow {
  readonly workload: Workload
  readonly policy: string
  readonly shuffles: number
  /** What was measured here; `undefined` for policies that are not run. */
  readonly found: Published | undefined
  /** What was published for the same policy. */
  readonly published: Published | undefined
}

/** Places a pod, or drops it where no node has room. */
type Placer = (pod: GpuPod) => void
type PlacerOf = (nodes: GpuNode[], pods: readonly GpuPod[], random: Random) => Placer

const RUNS: readonly (readonly [string, PlacerOf])[] = [
  [OURS, byReplay],
  [ONLINE, (nodes, _, random) => byScheduler(nodes, 'replay', random)],
  ['FGD', (nodes, pods) => byScore(nodes, fragmentationDescent(pods))],
  ['BestFit', (nodes) => byScore(nodes, bestFit)],
  ['DotProd', (nodes) => byScore(nodes, dotProduct)],
]
const SHUFFLES = 10
const QUICK_SHUFFLES = 2

/** Runs all policies on all workloads in the folder; `tell` hears of each. @throws when a file is missing */
export function runTrace(
  folder: string,
  seed: string,
  quick: boolean,
  tell: (line: string) => void,
): TraceRow[] {
  const shuffles = quick ? QUICK_SHUFFLES : SHUFFLES
  return workloadsIn(folder).flatMap((workload) => {
    const pods = readPods(folder, workload)
    return [OURS, ONLINE, ...POLICIES].map((policy) => {
      const placerOf = RUNS.find(([name]) => name === policy)?.[1]
      const found = placerOf && measured(folder, pods, placerOf, seed, shuffles)
      if (found !== undefined) {
        tell(`${workload} ${policy}: ${found.at100.toFixed(2)} at 100 %, ${found.at130.toFixed(2)} at 130 %`)
      }
      const published = PUBLISHED[workload][policy as keyof (typeof PUBLISHED)[Workload]]
      return { workload, policy, shuffles, found, published }
    })
  })
}

/**
 * True when, on every workload, ours is above all that was published, but for FGD, of which it may be one standard
 * deviation below.
 */
export function metTraceTarget(rows: readonly TraceRow[]): boolean {
  return rows.every(({ workload, policy, published }) => {
    if (isOwn(policy) || published === undefined) return true
    const own = rows.filter((row) => row.workload === workload && isOwn(row.policy))
    const least = (figure: number): number => (policy === 'FGD' ? figure - published.deviation : figure)
    const above = ({ found }: TraceRow): boolean =>
      found !== undefined && found.at100 > least(published.at100) && found.at130 > least(published.at130)
    return own.length > 0 && own.every(above)
  })
}

/** By workload, what was found beside what was published, best first as published. */
export function traceTable(rows: readonly TraceRow[]): string {
  const shown = (figure: number | undefined): string => figure?.toFixed(2) ?? '-'
  const figures = (of: Published | undefined): string[] => [of?.at100, of?.at130, of?.deviation].map(shown)
  return table(
    ['% of GPUs allocated', 'at 100 %', 'at 130 %', 'sd', 'published: 100 %', '130 %', 'sd'],
    rows.map(({ workload, policy, found, published }) => [
      `${workload} ${policy}`,
      ...figures(found),
      ...figures(published),
    ]),
  )
}

function measured(
  folder: string,
  pods: readonly GpuPod[],
  placerOf: PlacerOf,
  seed: string,
  shuffles: number,
): Published {
  const shares = Array.from({ length: shuffles }, (_, n) => {
    const random = new Random(`${seed}/${n}`)
    const nodes = readNodes(folder)
    return allocated(nodes, pods, placerOf(nodes, pods, random.fork('policy')), random)
  })
  const mean = (of: readonly number[]): number => of.reduce((sum, each) => sum + each, 0) / shuffles
  const at130 = shares.map((share) => share.at130)
  const middle = mean(at130)
  const squares = at130.reduce((sum, each) => sum + (each - middle) ** 2, 0)
  return {
    at100: mean(shares.map((share) => share.at100)),
    at130: middle,
    deviation: Math.sqrt(squares / (shuffles - 1)),
  }
}

const gpuDemand = (pod: GpuPod): number => pod.gpus * pod.gpuMilli

/** Lets pods come until they ask for 130 % of all GPUs; the percentage that was allocated by then, and by 100 %. */
function allocated(
  nodes: readonly GpuNode[],
  pods: readonly GpuPod[],
  place: Placer,
  random: Random,
): { at100: number; at130: number } {
  const whole = nodes.reduce((sum, { gpus }) => sum + gpus.length * GPU_MILLI, 0)
  const queue = random.shuffle([...pods])
  const share = (): number => {
    const free = nodes.reduce((sum, { gpus }) => sum + gpus.reduce((all, left) => all + left, 0), 0)
    return (100 * (whole - free)) / whole
  }
  let arrived = 0
  let at100: number | undefined
  for (let n = 0; ; n++) {
    const pod = queue[n] ?? random.pick(pods)
    if (arrived + gpuDemand(pod) > whole) at100 ??= share()
    if (arrived + gpuDemand(pod) > 1.3 * whole) return { at100: at100 ?? share(), at130: share() }
    arrived += gpuDemand(pod)
    place(pod)
  }
}

/** By node and kind of pod: where it would go, `null` for nowhere. It holds until the node changes. */
type Known = (GpuPlace | null | undefined)[][]

/** Onto the node that scores best, the first by name among equals. */
function byScore(nodes: GpuNode[], score: GpuScore): Placer {
  const known: Known = nodes.map(() => [])
  return (pod) => {
    let best = -1
    let bestAt: GpuPlace | undefined
    for (let n = 0; n < nodes.length; n++) {
      const places = known[n] as Known[number]
      let at = places[pod.kind]
      if (at === undefined) {
        const node = nodes[n] as GpuNode
        at = hasRoom(node, pod) ? score(node, pod) : null
        places[pod.kind] = at
      }
      if (at !== null && (bestAt === undefined || at.score > bestAt.score)) {
        best = n
        bestAt = at
      }
    }
    const node = nodes[best]
    if (node === undefined || bestAt === undefined) return
    takeGpus(node, pod, bestAt.gpus)
    known[best] = []
  }
}

/** Where the planner's fleet says; it knows of the pods only what has come. */
function byReplay(nodes: GpuNode[], _: readonly GpuPod[], random: Random): Placer {
  const free = ({ cpuMilli, memoryMib }: GpuNode | GpuPod) => ({ cpu: cpuMilli, memory: memoryMib })
  const fleet = new PartFleet(
    nodes.map((node) => ({ id: node.name, model: node.model, free: free(node), parts: node.gpus })),
    random,
  )
  const byName = new Map(nodes.map((node) => [node.name, node]))
  return (pod) => {
    const models = pod.models.length === 0 ? {} : { models: pod.models }
    const answer = fleet.place({ demand: free(pod), parts: pod.gpus, milli: pod.gpuMilli, ...models })
    if (typeof answer !== 'string') takeGpus(byName.get(answer.device) as GpuNode, pod, answer.parts)
  }
}
