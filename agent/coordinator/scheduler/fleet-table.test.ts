/** Rows hold what a table that is made anew would, whatever has happened. */
import { expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { FleetTable } from './fleet-table.ts'
import { device } from './testing/fleet.ts'

const RESOURCES = ['cpu', 'memory', 'net', 'disk']

/** A fleet in a table of which everything is told. */
class Told {
  readonly random: Random
  readonly table = new FleetTable()
  readonly devices: DeviceRecord[] = []
  readonly #columns = new Set<string>()
  #worked = false
  #count = 0

  constructor(seed: string) {
    this.random = new Random(seed)
  }

  #new(): DeviceRecord {
    const { random } = this
    return device(`d${++this.#count}`, {
      cpu: `${1 + random.below(4)}`,
      ...(random.chance(0.7) ? { memory: `${1 + random.below(4)}Gi` } : {}),
      ...(random.chance(0.5) ? { net: '5' } : {}),
    })
  }

  #join(one: DeviceRecord): void {
    this.devices.push(one)
    this.table.changed(this.table.join(one))
  }

  happen(): void {
    const { random, table } = this
    const what = random.below(9)
    const one = this.devices[random.below(Math.max(1, this.devices.length))]
    if (what === 0 || one?.slot === undefined) this.#join(this.#new())
    else if (what <= 2) {
      const load = {
        ...{ incarnation: 1, nonce: 'n', seq: 1, inboxSeq: 1, heldDigest: '' },
        highestTerm: { term: 1, agent: 'a' },
        ...(random.chance(0.8) ? { cpu: random.float() * 4 } : {}),
        ...(random.chance(0.8) ? { memoryUsed: random.float() * 2 ** 32, memoryTotal: 2 ** 32 } : {}),
      }
      one.measured(load, 0.9, ++this.#count)
      table.measured(one.slot)
    } else if (what === 3) {
      const attempt = { term: 1, agent: 'a', n: ++this.#count }
      const resources = { cpu: 100 * random.below(9), memory: 1e9 }
      one.add({ key: `${this.#count}`, attempt, task: 't', resources, seq: 1, phase: 'held' })
      table.refresh(one.slot)
    } else if (what === 4) {
      const [placement] = one.placements.values()
      if (placement === undefined) return
      if (random.chance(0.5)) one.finish(placement)
      else one.remove(placement)
      table.changed(one.slot)
    } else if (what === 5) {
      if (!random.chance(0.3)) return
      table.leave(one)
      this.devices.splice(this.devices.indexOf(one), 1)
      if (random.chance(0.5)) this.#join(one)
    } else if (what === 6) {
      if (one.update({ ...one.state, capacity: this.#new().state.capacity })) table.changed(table.join(one))
    } else if (what === 7) {
      if (random.chance(0.9)) return
      const name = RESOURCES[random.below(RESOURCES.length)] as string
      table.column(name)
      this.#columns.add(name)
    } else if (random.chance(0.05)) {
      table.watchWork()
      this.#worked = true
    }
  }

  rows(): number[][] {
    return this.devices.map(({ slot }) => rowOf(this.table, slot as number))
  }

  /** As they would be in a table of its own. */
  rowsAnew(): number[][] {
    const anew = new FleetTable()
    for (const name of this.#columns) anew.column(name)
    if (this.#worked) anew.watchWork()
    const slots = this.devices.map(({ slot }) => slot)
    for (const one of this.devices) {
      one.slot = undefined
      anew.changed(anew.join(one))
    }
    const rows = this.devices.map(({ slot }) => rowOf(anew, slot as number))
    for (const [n, one] of this.devices.entries()) one.slot = slots[n]
    return rows
  }
}

function rowOf({ rows, stride }: FleetTable, slot: number): number[] {
  return [...rows.slice(slot * stride, (slot + 1) * stride)]
}

it('are those of a table made anew, whatever joins, leaves, is measured, placed, freed and changed', () => {
  for (let round = 0; round < 40; round++) {
    const told = new Told(`rows ${round}`)
    for (let step = 0; step < 120; step++) {
      told.happen()
      expect(told.rows(), `step ${step} of round ${round}`).toEqual(told.rowsAnew())
    }
  }
})
