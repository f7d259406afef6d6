/**
 * What a simulated device measures: its work uses a share of what it asked for, so that no device is hot of its own work
 * alone, and what nobody placed there comes on top.
 */
import type { Resources } from '../../shared/model/resources.ts'
import type { Measured } from '../../shared/ports.ts'

/** Of what a task asks for, the share that it uses. */
const USED_SHARE = 0.75
/** Of the memory, what is in use while nothing runs. */
const IDLE_SHARE = 0.05
/** Quantities count in thousandths. */
const MILLI = 1_000

/**
 * @param placed what the tasks asked for that run, in thousandths
 * @param busy how much of the device is taken by what nobody placed there, from 0 to 1
 */
export function measuredOf(capacity: Resources, placed: Resources, busy: number): Measured {
  const { cpu = 0, memory = 0 } = capacity
  const used = (name: string) => USED_SHARE * (placed[name] ?? 0)
  const most = (share: number, total: number) => Math.min(total, share + busy * total) / MILLI
  const memoryUsed = most(used('memory') + IDLE_SHARE * memory, memory)
  const memoryTotal = memory / MILLI
  if (cpu === 0) return { memoryUsed, memoryTotal }
  return { cpu: most(used('cpu'), cpu), cpuTotal: cpu / MILLI, memoryUsed, memoryTotal }
}
