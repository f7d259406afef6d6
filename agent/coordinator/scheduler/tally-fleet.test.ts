import { describe, expect, it } from 'vitest'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { Kinship } from '../kinship.ts'
import { Closings } from './closings.ts'
import { tallyByRecords } from './explain.ts'
import { FleetTable } from './fleet-table.ts'
import { needsOf } from './needs.ts'
import { Reasons } from './reasons.ts'
import { Scheduler } from './scheduler.ts'
import { Shape } from './shape.ts'
import { tallyByRows } from './tally-fleet.ts'
import { device, NOW, task } from './testing/fleet.ts'

const ZONES = ['north', 'south', 'west']

function reserve(one: DeviceRecord, cpu: number, memory: number): void {
  const attempt = { term: 1, agent: 'a', n: one.placements.size }
  const key = `${one.id} ${one.placements.size}`
  one.add({ key, attempt, task: key, resources: { cpu, memory }, seq: 1, phase: 'held' })
}

function randomDevice(id: string, random: Random): DeviceRecord {
  const labels: Record<string, string> = random.chance(0.8) ? { zone: random.pick(ZONES) } : {}
  if (random.chance(0.5)) labels['disk'] = random.pick(['ssd', 'card'])
  const one = device(id, { cpu: `${1 + random.below(4)}`, memory: `${1 + random.below(4)}Gi` }, labels)
  reserve(one, 100 * random.below(10), 2 ** 20 * 1_000 * random.below(1_000))
  close(one, random)
  return one
}

function close(one: DeviceRecord, random: Random): void {
  one.desired = random.chance(0.1) ? { cordon: true } : {}
  one.condition = random.chance(0.1) ? 'lost' : 'online'
}

function randomSpec(random: Random): Partial<TaskSpec> {
  const where: Record<string, string> = random.chance(0.5) ? { zone: random.pick([...ZONES, 'east']) } : {}
  if (random.chance(0.4)) where['disk'] = random.pick(['ssd', 'tape'])
  return {
    resources: { cpu: `${300 * (1 + random.below(20))}m`, memory: `${100 * (1 + random.below(50))}Mi` },
    ...(Object.keys(where).length === 0 ? {} : { where }),
  }
}

describe('counting by rows', () => {
  it('comes to what the records say, over random fleets that change', () => {
    let impossible = 0
    for (let round = 0; round < 20; round++) {
      const random = new Random(`tally ${round}`)
      const table = new FleetTable()
      const devices = Array.from({ length: 150 }, (_, index) => randomDevice(`d${index}`, random))
      const shapes = Array.from({ length: 20 }, (_, n) => {
        const needs = needsOf(task(`${n}`, randomSpec(random)))
        return new Shape(needs, table, new Kinship(), new Scheduler().defaults)
      })
      for (const name of ['cpu', 'memory']) table.column(name)
      const admit = (one: DeviceRecord): void => {
        const slot = table.join(one)
        for (const shape of shapes) shape.admit(one, slot)
        table.changed(slot)
      }
      for (const one of devices) admit(one)
      for (const shape of shapes) shape.reasons = new Reasons(shape, table)
      for (let n = 0; n < 30; n++) {
        const one = random.pick(devices)
        reserve(one, 100, 2 ** 20 * 1_000)
        close(one, random)
        const labels = { zone: random.pick(ZONES) }
        if (random.chance(0.5)) one.update({ ...one.state, labels })
        admit(one)
      }
      const gone = table.leave(devices[0] as DeviceRecord) as number
      for (const shape of shapes) shape.dismiss(gone)
      admit(randomDevice('new', random))
      const closings = new Closings()
      for (const shape of shapes) {
        const { nearest, ...byRecords } = tallyByRecords(shape, table.known(), NOW)
        const { nearest: found, ...byRows } = tallyByRows(
          shape,
          table,
          shape.reasons as Reasons,
          closings,
          NOW,
        )
        expect(new Map([...byRows.counts].sort())).toEqual(new Map([...byRecords.counts].sort()))
        expect(byRows.total).toBe(byRecords.total)
        expect(found?.lacking).toEqual(nearest?.lacking)
        expect(found?.share ?? 0).toBeCloseTo(nearest?.share ?? 0, 9)
        if (shape.eligible.length === 0) impossible++
      }
    }
    expect(impossible).toBeGreaterThan(20)
  })
})
