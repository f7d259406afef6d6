/** For tests: devices and tasks for a scheduler, and a run that reserves as the coordinator does. */
import { demandOf } from '../../../../shared/model/task.ts'
import type { TaskSpec } from '../../../../shared/protocol/schemas/index.ts'
import { DeviceRecord } from '../../device-record.ts'
import { kinOf } from '../../kinship.ts'
import { newTask, type TaskRecord } from '../../task-record.ts'
import type { Decision } from '../decision.ts'
import type { Explanation } from '../explain.ts'
import { Scheduler } from '../scheduler.ts'

export const NOW = { monoMs: 1_000, wallMs: 1_700_000_000_000 }
let seq = 0

export function device(
  id: string,
  capacity: Record<string, string>,
  labels: Record<string, string> = {},
): DeviceRecord {
  const state = {
    incarnation: 1,
    nonce: 'n',
    online: true,
    labels,
    capacity,
    executors: ['exec'],
    candidate: 'auto' as const,
    version: '1',
  }
  const record = new DeviceRecord(id, state, 0)
  record.reportedNonce = 'n'
  return record
}

export function task(id: string, spec: Partial<TaskSpec> = {}): TaskRecord {
  const whole: TaskSpec = { run: { exec: ['true'] }, ...spec }
  return newTask(id, ++seq, 'digest', '', whole, demandOf(whole))
}

/** Runs the scheduler once, reserving as the coordinator does. */
export function run(scheduler: Scheduler, max = 1_000, now = NOW) {
  const placed: Decision[] = []
  const waits: { ids: string[]; explanation: Explanation }[] = []
  const pauseMs = scheduler.run(
    now,
    max,
    (decision) => {
      placed.push(decision)
      const resources = decision.task.demand?.resources ?? {}
      const attempt = { term: 1, agent: 'a', n: ++seq }
      decision.device.add({
        key: `${seq}`,
        attempt,
        task: decision.task.id,
        resources,
        kin: kinOf(decision.task.spec),
        account: scheduler.tenants.of(decision.task),
        seq: 1,
        phase: 'held',
      })
    },
    (tasks, explanation) => waits.push({ ids: tasks.map((waiting) => waiting.id), explanation }),
  )
  return {
    placed: placed.map((decision) => [decision.task.id, decision.device.id]),
    decisions: placed,
    pauseMs,
    explanations: placed.map(({ explanation }) => explanation),
    waits,
  }
}

export function fleet(...devices: DeviceRecord[]): Scheduler {
  const scheduler = new Scheduler()
  for (const one of devices) {
    one.kinship = scheduler.kinship
    scheduler.deviceChanged(one)
  }
  return scheduler
}
