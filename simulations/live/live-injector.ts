/** Carries out a plan of faults on real processes, and heals everything at the end. Faults overlap as they like. */
import type { Fault } from '../faults/plan.ts'
import type { Timetable } from './timetable.ts'

/** What faults are done to. */
export interface Victims {
  /** Who holds the seat now. */
  coordinator(): string | undefined
  start(device: string): void
  crash(device: string): void
  leave(device: string): void
  killBroker(): void
  startBroker(): void
  pauseBroker(): void
  resumeBroker(): void
}

export class LiveInjector {
  /** How many faults have begun. */
  begun = 0
  readonly #victims: Victims
  readonly #active = new Map<Fault, readonly string[]>()
  readonly #downs = new Map<string, number>()
  #brokerDowns = 0
  #brokerPauses = 0
  #healed = false

  constructor(timetable: Timetable, victims: Victims, plan: readonly Fault[]) {
    this.#victims = victims
    for (const fault of plan) {
      timetable.at(fault.atMs, () => this.#begin(fault))
      timetable.at(fault.atMs + fault.durationMs, () => this.#end(fault))
    }
  }

  /** Ends every fault now and begins no more. */
  heal(): void {
    this.#healed = true
    for (const fault of [...this.#active.keys()]) this.#end(fault)
  }

  /** Whether a fault keeps the device down now. */
  keepsDown(device: string): boolean {
    return (this.#downs.get(device) ?? 0) > 0
  }

  #begin(fault: Fault): void {
    if (this.#healed) return
    this.begun++
    const targets = this.#targetsOf(fault)
    this.#active.set(fault, targets)
    if (fault.kind === 'broker-stall') {
      if (this.#brokerPauses++ === 0) this.#victims.pauseBroker()
    } else if (fault.kind === 'broker-restart') {
      if (this.#brokerDowns++ === 0) this.#victims.killBroker()
    }
    for (const device of targets) {
      this.#downs.set(device, (this.#downs.get(device) ?? 0) + 1)
      if (fault.kind === 'leave') this.#victims.leave(device)
      else this.#victims.crash(device)
    }
  }

  #end(fault: Fault): void {
    const targets = this.#active.get(fault)
    if (targets === undefined) return
    this.#active.delete(fault)
    if (fault.kind === 'broker-stall') {
      if (--this.#brokerPauses === 0) this.#victims.resumeBroker()
    } else if (fault.kind === 'broker-restart') {
      if (--this.#brokerDowns === 0) this.#victims.startBroker()
    }
    for (const device of targets) {
      this.#downs.set(device, (this.#downs.get(device) ?? 0) - 1)
      if (!this.keepsDown(device)) this.#victims.start(device)
    }
  }

  #targetsOf({ kind, targets }: Fault): readonly string[] {
    if (!kind.endsWith('-holder')) return targets
    const holder = this.#victims.coordinator()
    return holder === undefined || this.keepsDown(holder) ? [] : [holder]
  }
}
