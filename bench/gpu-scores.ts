/**
 * How three published policies score a node for a pod, as in the simulator that they were published with: scores are whole
 * numbers up to 100, so that many nodes are equal. They are the reference that strategies of ours can be compared with.
 */
import { enoughGpus, GPU_MILLI, type GpuNode, type GpuPlace, type GpuPod, mayUse } from './gpu-cluster.ts'

/** Where on the node the pod goes, if it goes there. The node has room for it. */
export type GpuScore = (node: GpuNode, pod: GpuPod) => GpuPlace

/** The largest node of the trace. */
const CPU_MILLI_MAX = 128_000
const NODE_GPU_MILLI_MAX = 8_000
const SCORE_MAX = 100
/** Demands that are taken for typical: the most frequent, up to this share of all pods. */
const TYPICAL_SHARE = 0.95

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** The least left of CPU and GPUs, each as a share of the largest node's. */
export const bestFit: GpuScore = (node, pod) => {
  const cpu = (node.cpuMilli - pod.cpuMilli) / CPU_MILLI_MAX
  const gpu = (sum(node.gpus) - pod.gpus * pod.gpuMilli) / NODE_GPU_MILLI_MAX
  return { score: Math.floor((1 - (cpu + gpu) / 2) * SCORE_MAX), gpus: tightestGpus(node, pod) }
}

/** The least dot product of what is free and what is asked for. */
export const dotProduct: GpuScore = (node, pod) => {
  const cpu = (node.cpuMilli * pod.cpuMilli) / CPU_MILLI_MAX ** 2
  const gpu = (sum(node.gpus) * pod.gpus * pod.gpuMilli) / NODE_GPU_MILLI_MAX ** 2
  return { score: Math.floor((1 - (cpu + gpu) / 2) * SCORE_MAX), gpus: tightestGpus(node, pod) }
}

/** A part of a GPU on the fullest that has it, whole ones on the first that are free. */
function tightestGpus(node: GpuNode, pod: GpuPod): number[] {
  const able = [...node.gpus.keys()].filter((gpu) => (node.gpus[gpu] as number) >= pod.gpuMilli)
  if (pod.gpuMilli < GPU_MILLI) {
    able.sort((a, b) => (node.gpus[a] as number) - (node.gpus[b] as number) || a - b)
  }
  return able.slice(0, pod.gpus)
}

interface TypicalPod {
  readonly pod: GpuPod
  /** How likely a pod is to be like it. */
  readonly share: number
}

/** Fragmentation gradient descent: where the GPUs that a typical pod could not use grow least. */
export function fragmentationDescent(pods: readonly GpuPod[]): GpuScore {
  const typical = typicalOf(pods)
  return (node, pod) => {
    const before = fragmentation(node, typical)
    const options =
      pod.gpus === 1 && pod.gpuMilli < GPU_MILLI
        ? [...node.gpus.keys()]
            .filter((gpu) => (node.gpus[gpu] as number) >= pod.gpuMilli)
            .map((gpu) => [gpu])
        : [tightestGpus(node, pod)]
    let best: GpuPlace | undefined
    for (const gpus of options) {
      const left = [...node.gpus]
      for (const gpu of gpus) left[gpu]! -= pod.gpuMilli
      const after = fragmentation({ ...node, cpuMilli: node.cpuMilli - pod.cpuMilli, gpus: left }, typical)
      const score = Math.floor(SCORE_MAX / (1 + Math.exp(-(before - after) / GPU_MILLI)))
      if (best === undefined || score > best.score) best = { score, gpus }
    }
    return best as GpuPlace
  }
}

/** Memory is none of what makes pods typical. */
function typicalOf(pods: readonly GpuPod[]): TypicalPod[] {
  const counts = new Map<string, { readonly pod: GpuPod; share: number }>()
  for (const pod of pods) {
    const key = [pod.cpuMilli, pod.gpus, pod.gpuMilli, pod.models.join('|')].join()
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { pod, share: 1 / pods.length })
    else known.share += 1 / pods.length
  }
  const chosen: TypicalPod[] = []
  let covered = 0
  for (const one of [...counts.values()].sort((a, b) => b.share - a.share)) {
    if (covered >= TYPICAL_SHARE) break
    chosen.push(one)
    covered += one.share
  }
  return chosen.map(({ pod, share }) => ({ pod, share: share / covered }))
}

/** Thousandths of the node's GPUs that a pod drawn from the typical ones could not use. */
function fragmentation(node: GpuNode, typical: readonly TypicalPod[]): number {
  const whole = sum(node.gpus)
  if (whole === 0) return 0
  let expected = 0
  for (const { pod, share } of typical) {
    const usable = pod.gpus > 0 && mayUse(node, pod) && node.cpuMilli >= pod.cpuMilli && enoughGpus(node, pod)
    if (!usable) {
      expected += share * whole
      continue
    }
    for (const milli of node.gpus) if (milli < pod.gpuMilli) expected += share * milli
  }
  return expected
}
