/** Devices that are full, and what waits for room on them. */
import type { MeshConfig, MeshEvent, TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { SPEC } from './driver.ts'
import { Floor } from './floor.ts'

/** A task of that many cores and that priority. */
export const asks = (cpu: number, priority: number, more: Partial<TaskSpec> = {}): TaskSpec => ({
  ...SPEC,
  resources: { cpu: `${cpu}` },
  priority,
  ...more,
})

export const preempted = (floor: Floor): MeshEvent[] =>
  floor.events.filter(({ kind }) => kind === 'preempted')

/** Devices of eight cores, on which these run. */
export function busy(
  tasks: Record<string, TaskSpec>,
  devices: readonly string[] = ['d'],
  config: MeshConfig = {},
): Floor {
  const floor = Floor.serving(devices, config)
  // What is exclusive waits until nothing runs that an earlier coordinator began.
  floor.seconds(15)
  for (const [id, spec] of Object.entries(tasks)) {
    floor.submit(id, spec)
    // What is exclusive is sent when the broker has its status.
    floor.seconds(2)
  }
  const missing = Object.keys(tasks).filter((id) => floor.where(id) === undefined)
  if (missing.length > 0) throw new Error(`there is no room for ${missing.join(', ')}`)
  return floor
}

/** Submits what finds no room, and lets the coordinator look what could end for it. */
export function wait(floor: Floor, ...tasks: [id: string, spec: TaskSpec][]): void {
  for (const [id, spec] of tasks) floor.submit(id, spec)
  floor.turn()
  floor.seconds(1)
}
