/** Nodes whose GPUs can be given to pods whole or, one of them, in part. */

export const GPU_MILLI = 1_000

export interface GpuPod {
  readonly cpuMilli: number
  readonly memoryMib: number
  readonly gpus: number
  /** Of each GPU. */
  readonly gpuMilli: number
  /** Models that it may run on; none named means any. */
  readonly models: readonly string[]
  /** A number from 0; pods that ask for the same have the same. */
  readonly kind: number
}

export interface GpuNode {
  readonly name: string
  readonly model: string
  cpuMilli: number
  memoryMib: number
  /** By GPU: thousandths that are left. */
  readonly gpus: number[]
}

/** Where on a node, and how well that suits it; greater is better. */
export interface GpuPlace {
  readonly score: number
  readonly gpus: readonly number[]
}

/** True when the node has all that the pod asks for. */
export function hasRoom(node: GpuNode, pod: GpuPod): boolean {
  if (node.cpuMilli < pod.cpuMilli || node.memoryMib < pod.memoryMib) return false
  return pod.gpus === 0 || (mayUse(node, pod) && enoughGpus(node, pod))
}

/** True when the pod takes GPUs of the node's model. */
export const mayUse = (node: GpuNode, pod: GpuPod): boolean =>
  pod.models.length === 0 || pod.models.includes(node.model)

/** True when as many of the node's GPUs have as much left. */
export function enoughGpus(node: GpuNode, pod: GpuPod): boolean {
  let left = pod.gpus
  for (const milli of node.gpus) if (milli >= pod.gpuMilli) left--
  return left <= 0
}

/** Takes what the pod asks for, of these GPUs. @throws when they do not have it */
export function takeGpus(node: GpuNode, pod: GpuPod, gpus: readonly number[]): void {
  const able = gpus.every((gpu) => (node.gpus[gpu] ?? 0) >= pod.gpuMilli)
  if (!hasRoom(node, pod) || !able || new Set(gpus).size !== pod.gpus) {
    throw new Error(`${node.name} has no room for what was placed there: GPUs ${gpus.join()}`)
  }
  node.cpuMilli -= pod.cpuMilli
  node.memoryMib -= pod.memoryMib
  for (const gpu of gpus) node.gpus[gpu]! -= pod.gpuMilli
}
