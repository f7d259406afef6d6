/** The mesh's own scheduler on the openb trace: nodes become devices, and pods tasks that are placed one by one. */
import { DeviceRecord } from '../agent/coordinator/device-record.ts'
import { Scheduler } from '../agent/coordinator/scheduler/scheduler.ts'
import { newTask } from '../agent/coordinator/task-record.ts'
import { demandOf } from '../shared/model/task.ts'
import type { StrategyName, TaskSpec } from '../shared/protocol/schemas/index.ts'
import type { Random } from '../shared/random/random.ts'
import { type GpuNode, type GpuPod, takeGpus } from './gpu-cluster.ts'

const NOW = { monoMs: 1_000, wallMs: 1_700_000_000_000 }

/** Places pods on the nodes by that strategy, one after another; what finds no room is withdrawn. */
export function byScheduler(
  nodes: readonly GpuNode[],
  strategy: StrategyName,
  random: Random,
): (pod: GpuPod) => void {
  const scheduler = new Scheduler(undefined, random)
  const byId = new Map(nodes.map((node) => [node.name, node]))
  for (const node of nodes) scheduler.deviceChanged(deviceOf(node))
  let seq = 0
  return (pod) => {
    const spec = specOf(pod, strategy)
    const demand = demandOf(spec)
    const task = newTask(`t${++seq}`, seq, 'digest', '', spec, demand)
    scheduler.enqueue(task)
    scheduler.run(
      NOW,
      1,
      ({ device, gpus }) => {
        takeGpus(byId.get(device.id) as GpuNode, pod, gpus)
        const attempt = { term: 1, agent: 'bench', n: seq }
        const head = { key: task.id, attempt, task: task.id, resources: demand.resources, gpus }
        device.add({ ...head, seq: 1, phase: 'held' })
      },
      () => undefined,
    )
    scheduler.remove(task)
  }
}

function deviceOf({ name, model, cpuMilli, memoryMib, gpus }: GpuNode): DeviceRecord {
  const device = new DeviceRecord(
    name,
    {
      ...{ incarnation: 1, nonce: 'n', online: true, version: '1', candidate: 'never', executors: ['exec'] },
      labels: { model },
      capacity: { cpu: `${cpuMilli}m`, memory: `${memoryMib}Mi`, gpu: gpus.length },
    },
    0,
  )
  device.reportedNonce = 'n'
  return device
}

function specOf({ cpuMilli, memoryMib, gpus, gpuMilli, models }: GpuPod, strategy: StrategyName): TaskSpec {
  return {
    run: { exec: ['true'] },
    strategy,
    resources: {
      cpu: `${cpuMilli}m`,
      memory: `${memoryMib}Mi`,
      ...(gpus === 0 ? {} : { gpu: `${gpus * gpuMilli}m` }),
    },
    ...(models.length === 0 ? {} : { where: { model: [...models] } }),
  }
}
