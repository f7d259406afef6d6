/** A decision of the scheduler: a task, or an element of an array, goes to a device now. */
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Candidate } from './ranking.ts'

export interface Decision {
  readonly task: TaskRecord
  readonly device: DeviceRecord
  /** Which of the device's GPUs it gets; none when it asks for none. */
  readonly gpus: readonly number[]
  readonly explanation: string
  /** The device and the next best of those looked at. */
  readonly candidates: readonly Candidate[]
  /** An element of an array, placed in one run with the one before it. */
  readonly follows: boolean
}
