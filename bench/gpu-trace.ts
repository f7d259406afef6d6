/**
 * The openb trace: 1,213 nodes with GPUs of a production cluster and 8,152 pods, some of which take a part of one GPU.
 * The published protocol: pods come one after another in a random order, and pods drawn from among them after those, until
 * what they ask for is 130 % of all GPUs. Each is placed once or dropped, none leaves. What counts is the share of all
 * GPUs that is then allocated. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation
 * Gradient Descent", USENIX ATC 2023.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Random } from '../shared/random/random.ts'
import { GPU_MILLI, type GpuNode, type GpuPlace, type GpuPod, hasRoom } from './gpu-cluster.ts'
import { bestFit, dotProduct, fragmentationDescent, type GpuScore } from './gpu-scores.ts'

export const TRACE_NEEDED =
  'a trace needs openb_node_list_gpu_node.csv and openb_pod_list_default.csv.gz of ' +
  'github.com/hkust-adsl/kubernetes-scheduler-simulator (data/csv)'

export interface TraceRow {
  readonly policy: string
  readonly shuffles: number
  /** Percent of all GPUs, when pods that ask for 100 and for 130 percent of them have come; the mean of all shuffles. */
  readonly at100: number
  readonly at130: number
  /** What was published for the same policy. */
  readonly published100: number
  readonly published130: number
}

/** As published: means of ten shuffles on the default trace (the simulator's expected results). */
const POLICIES: readonly [string, (pods: readonly GpuPod[]) => GpuScore, number, number][] = [
  ['BestFit', () => bestFit, 92.86, 93.08],
  ['DotProd', () => dotProduct, 90.62, 90.85],
  ['FGD', fragmentationDescent, 95.23, 95.39],
]
const SHUFFLES = 10
const QUICK_SHUFFLES = 2

/** Runs all policies on the trace in the folder. @throws when a file is missing */
export function runTrace(
  folder: string,
  seed: string,
  quick: boolean,
  tell: (line: string) => void,
): TraceRow[] {
  const pods = readPods(folder)
  const shuffles = quick ? QUICK_SHUFFLES : SHUFFLES
  return POLICIES.map(([policy, scoreOf, published100, published130]) => {
    const score = scoreOf(pods)
    let at100 = 0
    let at130 = 0
    for (let n = 0; n < shuffles; n++) {
      const share = allocated(readNodes(folder), pods, score, new Random(`${seed}/${n}`))
      at100 += (share.at100 * 100) / shuffles
      at130 += (share.at130 * 100) / shuffles
    }
    tell(`${policy}: ${at100.toFixed(2)} % at 100 %, ${at130.toFixed(2)} % at 130 %`)
    return { policy, shuffles, at100, at130, published100, published130 }
  })
}

const gpuDemand = (pod: GpuPod): number => pod.gpus * pod.gpuMilli

/** Lets pods come until they ask for 130 % of all GPUs; the share that was allocated by then, and by 100 %. */
function allocated(
  nodes: readonly GpuNode[],
  pods: readonly GpuPod[],
  score: GpuScore,
  random: Random,
): { at100: number; at130: number } {
  const whole = nodes.reduce((sum, { gpus }) => sum + gpus.length * GPU_MILLI, 0)
  const queue = random.shuffle([...pods])
  const known: Known = nodes.map(() => [])
  let arrived = 0
  let placed = 0
  let at100: number | undefined
  for (let n = 0; ; n++) {
    const pod = queue[n] ?? random.pick(pods)
    if (arrived + gpuDemand(pod) > 1.3 * whole) return { at100: at100 ?? 0, at130: placed / whole }
    if (arrived + gpuDemand(pod) > whole) at100 ??= placed / whole
    arrived += gpuDemand(pod)
    if (place(nodes, pod, score, known)) placed += gpuDemand(pod)
  }
}

/** By node and kind of pod: where it would go, `null` for nowhere. It holds until the node changes. */
type Known = (GpuPlace | null | undefined)[][]

/** Places the pod on the node that scores best, the first by name among equals. */
function place(nodes: readonly GpuNode[], pod: GpuPod, score: GpuScore, known: Known): boolean {
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
  if (node === undefined || bestAt === undefined) return false
  node.cpuMilli -= pod.cpuMilli
  node.memoryMib -= pod.memoryMib
  for (const gpu of bestAt.gpus) node.gpus[gpu]! -= pod.gpuMilli
  known[best] = []
  return true
}

function rows(folder: string, file: string): string[][] {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(folder, file))
  } catch (cause) {
    throw new Error(`${join(folder, file)} cannot be read; ${TRACE_NEEDED}`, { cause })
  }
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(','))
}

function readNodes(folder: string): GpuNode[] {
  return rows(folder, 'openb_node_list_gpu_node.csv')
    .map(([name = '', cpu, memory, gpus, model = '']) => ({
      ...{ name, model, cpuMilli: Number(cpu), memoryMib: Number(memory) },
      gpus: new Array<number>(Number(gpus)).fill(GPU_MILLI),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function readPods(folder: string): GpuPod[] {
  const kinds = new Map<string, number>()
  const kindOf = (key: string): number => {
    const kind = kinds.get(key) ?? kinds.size
    kinds.set(key, kind)
    return kind
  }
  return rows(folder, 'openb_pod_list_default.csv.gz').map(([, cpu, memory, gpus, milli, models = '']) => ({
    ...{ cpuMilli: Number(cpu), memoryMib: Number(memory), gpus: Number(gpus), gpuMilli: Number(milli) },
    models: models.split('|').filter((model) => model !== ''),
    kind: kindOf([cpu, memory, gpus, milli, models].join()),
  }))
}
