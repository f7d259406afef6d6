/** Explanations of what was planned together: by what, with how many, and how good the plan is known to be. */
import { formatDuration } from '../../../shared/model/duration.ts'
import { percent } from '../../../shared/model/utilization.ts'
import type { StrategyName } from '../../../shared/protocol/schemas/index.ts'
import type { Objective } from '../../planning/problem.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Planned } from './batches.ts'
import type { Explanation } from './explain.ts'
import { mostFree } from './score.ts'
import type { Shape } from './shape.ts'

/** Others are waited for that could be planned with it. */
export function explainGathering(strategy: StrategyName, gatherMs: number): Explanation {
  return {
    text: `waits: up to ${gatherMs} ms for other tasks that ${strategy} can plan together with it`,
    reasons: {},
  }
}

/** What a plan comes to, by its objective. */
const VALUE: Readonly<Record<Objective, (value: number) => string>> = {
  peak: (value) => `the lowest peak, ${percent(value)}`,
  packing: (value) => `the fewest devices in use, ${value}`,
  spread: (value) => `the most even spread, ${value} as squares of tasks`,
  makespan: (value) => `the earliest end, in ${formatDuration(Math.round(value))}`,
}

/** Why the plan's device was chosen, as things stand before it is reserved. */
export function explainBatch(planned: Planned, shape: Shape, device: DeviceRecord): string {
  const { plan, batch, objective, instead } = planned
  const by = instead === undefined ? `${plan.strategy},` : `${plan.strategy}, because ${instead};`
  const tasks = batch.units.length === 1 ? 'the only task' : `one of ${batch.units.length} tasks`
  const { length } = batch.devices
  const over = `planned over ${length} ${length === 1 ? 'device' : 'devices'}`
  const left = Math.max(0, mostFree(device, shape.resources))
  return `placed on ${device.id}: by ${by} ${tasks} ${over} for ${VALUE[objective](plan.value)}, ${provenOf(planned)}; ${percent(left)} of its scarcest resource is left`
}

/** How good the plan is known to be. */
function provenOf({ plan }: Planned): string {
  if (plan.optimal) return 'proven best'
  return `the best of ${plan.evaluations} plans`
}
