/** Why devices are closed, by slot: one look at all records serves the counts of all shapes for a while. */
import type { Now } from '../../../shared/ports.ts'
import type { FleetTable } from './fleet-table.ts'

/** How old it may be. */
const KEPT_MS = 1_000

export class Closings {
  /** By slot: which reason it is, 0 for an open device. */
  codes = new Int32Array(0)
  /** By code. */
  texts: string[] = ['']
  #asOfMs = Number.NEGATIVE_INFINITY

  /** Looks at all devices unless it has a moment ago. */
  look({ devices, capacity }: FleetTable, now: Now): void {
    if (now.monoMs - this.#asOfMs < KEPT_MS && this.codes.length === capacity) return
    this.#asOfMs = now.monoMs
    if (this.codes.length !== capacity) this.codes = new Int32Array(capacity)
    this.texts = ['']
    const codeOf = new Map<string, number>()
    devices.forEach((device, slot) => {
      const reason = device?.closedReason(now.monoMs, now.wallMs)
      let code = reason === undefined ? 0 : codeOf.get(reason)
      if (code === undefined) {
        code = this.texts.push(reason as string) - 1
        codeOf.set(reason as string, code)
      }
      this.codes[slot] = code
    })
  }
}
