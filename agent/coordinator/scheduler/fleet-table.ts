/**
 * The fleet as a table of numbers, one row a device: what is left of each resource, by what is reserved and by what is
 * measured. Looking at a row costs a fraction of looking at a record, and all shapes share the table.
 *
 * Rows may be behind their records. What the scheduler is told of or does itself is taken in at once (`changed`,
 * `refresh`). What else is reserved on a device, such as work that it was found to hold, is noticed with its next
 * heartbeat, or before it is chosen.
 */
import type { Utilization } from '../../../shared/model/utilization.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import { ChangeLog } from './change-log.ts'
import { workLeftMs } from './work-left.ts'

/** Resources with a column. Of others only whether there is room is looked at, and only on what would be chosen. */
export const COLUMNS_MAX = 16
/**
 * A row begins with what is unused of cpu and of memory by what is measured, then how many tasks the device holds and how
 * much work it has left (ms, once that is watched), then what its last heartbeat said of cpu and of memory: the share in
 * use and what was reserved then. Then come the columns. What is unused and the columns are a share and a factor.
 */
const MEASURED = [
  { resource: 'cpu', unused: 0, factor: 1, share: 6, before: 7 },
  { resource: 'memory', unused: 2, factor: 3, share: 8, before: 9 },
] as const
export const HELD = 4
export const WORK = 5
const FIRST_COLUMN = 10
/** Instead of the inverse of a capacity of nothing: whatever is asked of it is too much. */
const NOTHING = 1e300
const ROWS_MIN = 64

export class FleetTable {
  /** By slot, a small number that every device has. */
  readonly devices: (DeviceRecord | undefined)[] = []
  readonly #known = new Set<DeviceRecord>()
  readonly #freeSlots: number[] = []
  readonly #columns: string[] = []
  /** Work left is counted only where somebody goes by it. */
  #worked = false
  /** Numbers a row. */
  stride = FIRST_COLUMN
  rows = new Float64Array(0)
  /** By slot, 1 for a device that was found closed and not told to be open since. */
  closed = new Uint8Array(0)
  /** By slot, 1 while it stands in `#shut`. */
  #listed = new Uint8Array(0)
  /** Slots found closed, and where looking whether they opened goes on. */
  readonly #shut: number[] = []
  #cursor = 0
  /** By slot: the record's count of changes when its row was read, and the measurement that was. */
  #read = new Float64Array(0)
  readonly #seen: (Utilization | undefined)[] = []
  /**
   * Rows that changed: where anything rose or the device may have opened, and where all that changed fell. Each log goes
   * back at least as many changes as there are rows, since then all may be looked at.
   */
  readonly raised = new ChangeLog()
  readonly lowered = new ChangeLog()

  /** Devices. */
  get size(): number {
    return this.#known.size
  }

  /** Slots that there is room for. */
  get capacity(): number {
    return this.closed.length
  }

  known(): IterableIterator<DeviceRecord> {
    return this.#known.values()
  }

  slotOf(device: DeviceRecord): number | undefined {
    const { slot } = device
    return slot !== undefined && this.devices[slot] === device ? slot : undefined
  }

  /** Takes a device in; a record is in one table at a time. @returns its slot, the same as before when it is known */
  join(device: DeviceRecord): number {
    const known = this.slotOf(device)
    if (known !== undefined) {
      this.#measure(known)
      return known
    }
    // Slots in use and free ones together are 0, 1, 2 and so on.
    const slot = this.#freeSlots.pop() ?? this.devices.length
    this.#known.add(device)
    device.slot = slot
    this.devices[slot] = device
    if (slot >= this.capacity) this.#grow(Math.max(ROWS_MIN, 2 * slot))
    this.#measure(slot)
    return slot
  }

  /** @returns the slot that it had */
  leave(device: DeviceRecord): number | undefined {
    const slot = this.slotOf(device)
    if (slot === undefined) return undefined
    this.#known.delete(device)
    device.slot = undefined
    this.#seen[slot] = undefined
    this.#freeSlots.push(slot)
    this.devices[slot] = undefined
    this.closed[slot] = 0
    return slot
  }

  /** Where in a row a resource stands; `undefined` for one too many. */
  column(name: string): number | undefined {
    let index = this.#columns.indexOf(name)
    if (index < 0) {
      if (this.#columns.length >= COLUMNS_MAX) return undefined
      index = this.#columns.push(name) - 1
      this.stride += 2
      this.rows = new Float64Array(this.capacity * this.stride)
      this.#seen.fill(undefined)
      for (const { slot } of this.#known) {
        if (slot === undefined) continue
        this.#measure(slot)
        this.#take(slot)
      }
    }
    return FIRST_COLUMN + 2 * index
  }

  /** Counts what work devices have left from now on. */
  watchWork(): void {
    if (this.#worked) return
    this.#worked = true
    for (const { slot } of this.#known) if (slot !== undefined) this.#take(slot)
  }

  /** A device may have more room, or be open: its row is read, and shapes are told when they next look. */
  changed(slot: number): void {
    this.closed[slot] = 0
    this.#take(slot)
    this.raised.note(slot)
  }

  /** The same of what it measures: that opens no device. */
  measured(slot: number): void {
    const log = this.#take(slot) ? this.raised : this.lowered
    log.note(slot)
  }

  /** Reads the row where the record has changed. @returns true when it had */
  refresh(slot: number): boolean {
    const device = this.devices[slot]
    if (device === undefined || this.#read[slot] === device.changes) return false
    this.measured(slot)
    return true
  }

  /** The device was found closed. */
  close(slot: number): void {
    this.closed[slot] = 1
    if (this.#listed[slot] === 1) return
    this.#listed[slot] = 1
    this.#shut.push(slot)
  }

  /** Looks whether devices that were found closed have opened, the next `max` of them. @returns those that have */
  reopened(now: Now, max: number): DeviceRecord[] {
    const opened: DeviceRecord[] = []
    for (let looks = Math.min(max, this.#shut.length); looks > 0; looks--) {
      if (this.#cursor >= this.#shut.length) this.#cursor = 0
      const slot = this.#shut[this.#cursor] as number
      const device = this.devices[slot]
      const shut = this.closed[slot] === 1
      if (shut && device?.closedReason(now.monoMs, now.wallMs) !== undefined) {
        this.#cursor++
        continue
      }
      const last = this.#shut.pop() as number
      if (last !== slot) this.#shut[this.#cursor] = last
      this.#listed[slot] = 0
      if (shut && device !== undefined) opened.push(device)
    }
    return opened
  }

  /** Takes what there is of each resource into the row: the factors, which change with the device alone. */
  #measure(slot: number): void {
    const { capacity } = this.devices[slot] as DeviceRecord
    for (let i = 0; i < this.#columns.length; i++) {
      const whole = capacity[this.#columns[i] as string] ?? 0
      this.rows[slot * this.stride + FIRST_COLUMN + 2 * i + 1] = whole === 0 ? NOTHING : 1 / whole
    }
  }

  /** Takes a record into its row. @returns true when anything that is left in it rose */
  #take(slot: number): boolean {
    const device = this.devices[slot]
    if (device === undefined) return false
    const { rows } = this
    const { reserved, utilization } = device
    const at = slot * this.stride
    let rose = false
    if (utilization !== this.#seen[slot] || utilization === undefined) this.#see(slot, utilization)
    for (let i = 0; i < MEASURED.length; i++) {
      const { resource, unused, factor, share, before } = MEASURED[i] as (typeof MEASURED)[number]
      const now = resource === 'cpu' ? reserved['cpu'] : reserved['memory']
      const since = (now ?? 0) - (rows[at + before] as number)
      const open = 1 - (rows[at + share] as number)
      const left = since > 0 ? open - since * (rows[at + factor] as number) : open
      if (left > (rows[at + unused] as number)) rose = true
      rows[at + unused] = left
    }
    rows[at + HELD] = device.held
    if (this.#worked) rows[at + WORK] = workLeftMs(device)
    for (let i = 0; i < this.#columns.length; i++) {
      const place = at + FIRST_COLUMN + 2 * i
      const factor = rows[place + 1] as number
      const taken = reserved[this.#columns[i] as string] ?? 0
      const left = factor === NOTHING ? 1 : 1 - taken * factor
      if (left > (rows[place] as number)) rose = true
      rows[place] = left
    }
    this.#read[slot] = device.changes
    return rose
  }

  /** Takes in what a heartbeat said. What is not measured counts as unused. */
  #see(slot: number, utilization: Utilization | undefined): void {
    this.#seen[slot] = utilization
    const { rows } = this
    const at = slot * this.stride
    for (const { resource, factor, share, before } of MEASURED) {
      const part = utilization?.parts.find((one) => one.resource === resource)
      rows[at + factor] = part === undefined ? 0 : 1 / part.total
      rows[at + share] = part?.share ?? 0
      rows[at + before] = part?.reserved ?? 0
    }
  }

  #grow(slots: number): void {
    const rows = new Float64Array(slots * this.stride)
    rows.set(this.rows)
    this.rows = rows
    this.closed = wider(this.closed, new Uint8Array(slots))
    this.#listed = wider(this.#listed, new Uint8Array(slots))
    this.#read = wider(this.#read, new Float64Array(slots))
    this.raised.widen(slots)
    this.lowered.widen(slots)
  }
}

function wider<T extends Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
