/** The openb trace as it is published: nodes with GPUs of a production cluster, and lists of pods. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { CoveyError } from '../shared/errors/errors.ts'
import { GPU_MILLI, type GpuNode, type GpuPod } from './gpu-cluster.ts'

/** `default` is the trace itself; in `gpushare100` every pod with a GPU takes a part of one. */
export const WORKLOADS = ['default', 'gpushare100'] as const
export type Workload = (typeof WORKLOADS)[number]

const NODES = 'openb_node_list_gpu_node.csv'
const podsFile = (workload: Workload): string => `openb_pod_list_${workload}.csv.gz`

const TRACE_NEEDED =
  `a trace needs ${NODES} and ${WORKLOADS.map(podsFile).join(' or ')} of ` +
  'github.com/hkust-adsl/kubernetes-scheduler-simulator (data/csv, gzip)'

/** The workloads that are in the folder. @throws when there are none */
export function workloadsIn(folder: string): Workload[] {
  const found = WORKLOADS.filter((workload) => existsSync(join(folder, podsFile(workload))))
  if (found.length === 0) throw new CoveyError('E_USAGE', `${folder} has no list of pods; ${TRACE_NEEDED}`)
  return found
}

/** All nodes by name, with nothing on them. @throws when the file cannot be read */
export function readNodes(folder: string): GpuNode[] {
  return rows(folder, NODES)
    .map(([name = '', cpu, memory, gpus, model = '']) => ({
      ...{ name, model, cpuMilli: Number(cpu), memoryMib: Number(memory) },
      gpus: new Array<number>(Number(gpus)).fill(GPU_MILLI),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** @throws when the file cannot be read */
export function readPods(folder: string, workload: Workload): GpuPod[] {
  const kinds = new Map<string, number>()
  const kindOf = (key: string): number => {
    const kind = kinds.get(key) ?? kinds.size
    kinds.set(key, kind)
    return kind
  }
  return rows(folder, podsFile(workload)).map(([, cpu, memory, gpus, milli, models = '']) => ({
    ...{ cpuMilli: Number(cpu), memoryMib: Number(memory), gpus: Number(gpus), gpuMilli: Number(milli) },
    models: models.split('|').filter((model) => model !== ''),
    kind: kindOf([cpu, memory, gpus, milli, models].join()),
  }))
}

function rows(folder: string, file: string): string[][] {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(folder, file))
  } catch (cause) {
    throw new CoveyError('E_USAGE', `${join(folder, file)} cannot be read; ${TRACE_NEEDED}`, { cause })
  }
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(','))
}
