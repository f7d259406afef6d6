/** What the tables of `covey get` show. */
import { formatQuantity, parseQuantity } from '../../shared/model/quantity.ts'
import { valueBytes } from '../../shared/protocol/json-text.ts'
import type { Desired, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Device } from '../device.ts'
import { age } from './ages.ts'
import { progressOf } from './array-output.ts'
import { stateColour } from './paint.ts'
import type { Column } from './table.ts'

/** What there is to say about a task in one line: its error, or why it is where it is. */
export function remarkOf(status: TaskStatus): string {
  if (status.error !== undefined) return `${status.error.code}: ${status.error.message}`
  if (status.array !== undefined) return progressOf(status)
  const { checkpoint, explanation } = status
  return checkpoint === undefined
    ? explanation
    : `${explanation}; has a checkpoint of ${valueBytes(checkpoint.value)} bytes`
}

export const TASK_COLUMNS: readonly Column<TaskStatus>[] = [
  { title: 'TASK', text: ({ task }) => task },
  { title: 'STATE', text: ({ state }) => state, colour: ({ state }) => stateColour(state) },
  { title: 'DEVICE', text: ({ device }) => device ?? '' },
  { title: 'TRIES', text: ({ attempts }) => String(attempts) },
  { title: 'AGE', text: ({ times }) => age(times.ended ?? times.started ?? times.seen, Date.now()) },
  { title: 'WHY', text: remarkOf },
]

export type Hold = NonNullable<Desired['hold']>

/** A hold in words, after "is". */
export const heldText = ({ by, reason, until }: Hold): string => `held by ${by} until ${until}: ${reason}`

/** The hold on a device, unless it is over. */
export function holdOf(desired: Desired | undefined, nowMs: number): Hold | undefined {
  const hold = desired?.hold
  return hold !== undefined && Date.parse(hold.until) > nowMs ? hold : undefined
}

/** One word for how a device is. */
export function deviceState(device: Device, nowMs: number = Date.now()): string {
  if (device.state === undefined) return 'unknown'
  if (!device.state.online) return 'offline'
  if (device.desired?.drain === true) return 'draining'
  if (device.desired?.cordon === true) return 'cordoned'
  return holdOf(device.desired, nowMs) === undefined ? 'online' : 'held'
}

const capacityOf = (resource: string) => (device: Device) => {
  const amount = device.state?.capacity[resource]
  if (amount === undefined) return ''
  const milli = parseQuantity(amount)
  return milli === undefined ? String(amount) : formatQuantity(resource, milli)
}

const labelsOf = (device: Device) =>
  Object.entries(device.state?.labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')

const bytes = (amount: number | undefined) =>
  amount === undefined ? '' : formatQuantity('memory', amount * 1000)

export const DEVICE_COLUMNS: readonly Column<Device>[] = [
  { title: 'DEVICE', text: ({ id }) => id },
  {
    title: 'STATE',
    text: (device) => deviceState(device),
    colour: (device) => stateColour(deviceState(device)),
  },
  { title: 'CPU', text: capacityOf('cpu') },
  { title: 'MEMORY', text: capacityOf('memory') },
  { title: 'VERSION', text: ({ state }) => state?.version ?? '' },
  { title: 'LABELS', text: labelsOf },
]

export const LOAD_COLUMNS: readonly Column<Device>[] = [
  ...DEVICE_COLUMNS.slice(0, 4),
  { title: 'CPU USED', text: ({ load }) => load?.cpu?.toFixed(2) ?? '' },
  { title: 'MEM USED', text: ({ load }) => bytes(load?.memoryUsed) },
  {
    title: 'TEMP',
    text: ({ load }) => (load?.temperature === undefined ? '' : `${Math.round(load.temperature)}°`),
  },
  { title: 'LABELS', text: labelsOf },
]
