/**
 * Why devices cannot take a shape even when they are empty, by slot, so that a large fleet is counted without a look at
 * any record. Kept up to date while it is kept.
 */
import type { DeviceRecord } from '../device-record.ts'
import type { FleetTable } from './fleet-table.ts'
import type { Shape } from './shape.ts'

export class Reasons {
  /** By slot: which reason it is, 0 for none. */
  codes = new Uint16Array(0)
  /** By slot: how many labels and the like the device lacks. */
  lacks = new Uint16Array(0)
  /** By code. */
  readonly texts: string[] = ['']
  readonly #codeOf = new Map<string, number>()

  /** Costs one look at every device. */
  constructor(shape: Shape, { devices }: FleetTable) {
    devices.forEach((device, slot) => {
      if (device !== undefined) this.set(slot, shape, device, shape.staticReason(device))
    })
  }

  set(slot: number, shape: Shape, device: DeviceRecord, reason: string | undefined): void {
    if (slot >= this.codes.length) this.#grow(2 * slot + 1)
    this.codes[slot] = reason === undefined ? 0 : this.#code(reason)
    this.lacks[slot] = reason === undefined ? 0 : shape.lacks(device)
  }

  /** There are as many reasons as a spec demands things of a device. */
  #code(reason: string): number {
    const known = this.#codeOf.get(reason)
    if (known !== undefined) return known
    const code = this.texts.push(reason) - 1
    this.#codeOf.set(reason, code)
    return code
  }

  #grow(slots: number): void {
    const { codes, lacks } = this
    this.codes = new Uint16Array(slots)
    this.lacks = new Uint16Array(slots)
    this.codes.set(codes)
    this.lacks.set(lacks)
  }
}
