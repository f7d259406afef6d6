import { describe, expect, it } from 'vitest'
import { parseQuantity } from '../../../shared/model/quantity.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { device, fleet, run, task } from './testing/fleet.ts'

/** What the explanation says would do, how much more on GPUs that are there, and where. */
function changeIn(text: string): { id: string; parts: string[]; gpus: string } {
  const [, change = ''] = /; ([^;]+) would do$/.exec(text) ?? []
  const [, gpus = '', of = ''] = /(\S+) more gpu on (?:one gpu|\d gpus) of (\S+)$/.exec(change) ?? []
  const [, more = '', on = ''] = /^(.+?) on (d\d)(?: and |$)/.exec(change) ?? []
  return { id: on === '' ? of : on, parts: more === '' ? [] : more.split(' and '), gpus }
}

/** Frees so much on the GPUs that lack least of what is taken of each. */
function free({ gpus, reserved }: DeviceRecord, amount: string, asked: number): void {
  const most = [...gpus.lefts().keys()].sort((a, b) => gpus.left(b) - gpus.left(a))
  let open = parseQuantity(amount) ?? Number.NaN
  reserved['gpu'] = (reserved['gpu'] ?? 0) - open
  for (const gpu of most.slice(0, Math.ceil(asked / 1_000))) {
    const more = Math.min(open, Math.max(0, Math.min(asked, 1_000) - gpus.left(gpu)))
    gpus.count([gpu], more, -1)
    open -= more
  }
  expect(open).toBe(0)
}

/** Gives the device what is named: more of a resource, a label, an executor or a function. */
function give(changed: DeviceRecord, parts: readonly string[]): void {
  const { state } = changed
  const capacity: Record<string, string> = {}
  for (const [name, milli] of Object.entries(changed.capacity)) capacity[name] = `${milli}m`
  const labels = { ...state.labels }
  const executors = [...state.executors]
  const functions = [...(state.functions ?? [])]
  for (const part of parts) {
    const [, amount, resource] = /^(\S+) more (\S+)$/.exec(part) ?? []
    const [, kind, name] = /^(executor|function) (\S+)$/.exec(part) ?? []
    const [, label, , value] = /^([a-z]+)(=| in \[| >= )([a-z0-9]+)/.exec(part) ?? []
    if (amount !== undefined && resource !== undefined)
      capacity[resource] = `${(changed.capacity[resource] ?? 0) + (parseQuantity(amount) ?? Number.NaN)}m`
    else if (kind === 'executor') executors.push(name as string)
    else if (kind === 'function') functions.push(name as string)
    else if (label !== undefined && value !== undefined) labels[label] = value
    else throw new Error(`not understood: ${part}`)
  }
  changed.update({ ...state, capacity, labels, executors, functions })
}

/** As it is written, without the scheduler: whether the device could take the task if it were empty. */
function couldTake(
  one: DeviceRecord,
  { run: work, where = {}, resources = {} }: Partial<TaskSpec>,
  near?: string,
) {
  const { executors, functions = [] } = one.state
  const runs =
    work === undefined || !('function' in work)
      ? executors.includes('exec')
      : executors.includes('function') && functions.includes(work.function)
  const labelled = Object.entries(where).every(([label, wanted]) => {
    const has = one.labels[label]
    if (Array.isArray(wanted)) return has !== undefined && wanted.includes(has)
    const least = /^>= (\d+)$/.exec(String(wanted))?.[1]
    return least === undefined ? has === wanted : has !== undefined && Number(has) >= Number(least)
  })
  const large = Object.entries(resources).every(
    ([name, amount]) => (parseQuantity(amount) ?? Number.NaN) <= (one.capacity[name] ?? 0),
  )
  return runs && labelled && large && (near === undefined || one.labels[near] !== undefined)
}

describe('explanations', () => {
  it('name all that is missing on the device that misses least', () => {
    const scheduler = fleet(
      device('a', { cpu: '1', memory: '1Gi' }),
      device('b', { cpu: '800m', memory: '60Mi', gpu: '1' }),
    )
    scheduler.enqueue(task('t', { resources: { cpu: '1', memory: '64Mi', gpu: '1' } }))
    expect(run(scheduler).waits[0]?.explanation.text).toBe(
      'waits: no device of this mesh can take it even when empty: 2 of 2 are too small; 200m more cpu and 4Mi more memory on b would do',
    )
  })

  it('say that a label is missing by which a task must be near something', () => {
    const scheduler = fleet(device('a', { cpu: '1' }), device('b', { cpu: '1' }, { zone: '1' }))
    const near = (by: string): Partial<TaskSpec> => ({
      resources: { memory: '0' },
      near: [{ group: 'db', by }],
    })
    scheduler.enqueue(task('nowhere', near('rack')))
    scheduler.enqueue(task('later', near('zone')))
    expect(run(scheduler).waits.map(({ explanation }) => explanation.text)).toEqual([
      'waits: no device of this mesh can take it even when empty: 2 of 2 lack label rack, by which they must be near group db',
      'waits: 1 of 2 devices have nothing of group db in their zone, which it must be near; 1 lack label zone, by which they must be near group db',
    ])
  })

  it('name what a device lacks, be it labels or room, that takes least', () => {
    const scheduler = fleet(
      device('a', { cpu: '8', memory: '1Gi' }, { arch: 'x64' }),
      device('b', { cpu: '8', memory: '60Mi' }, { arch: 'arm64', disk: 'ssd' }),
      device('c', { cpu: '8', memory: '1Gi' }, { arch: 'arm64' }),
    )
    scheduler.enqueue(task('t', { where: { arch: 'riscv', disk: 'ssd' }, resources: { memory: '64Mi' } }))
    expect(run(scheduler).waits[0]?.explanation.text).toBe(
      'waits: no device of this mesh can take it even when empty: 3 of 3 lack arch=riscv; arch=riscv and 4Mi more memory on b would do',
    )
  })

  it('never name as a change that a device would be another', () => {
    const rooms = { cpu: '8', memory: '60Mi' }
    const a = device('a', { cpu: '8', memory: '1Gi' }, { arch: 'x64' })
    const of = (where: NonNullable<TaskSpec['where']>, ...others: DeviceRecord[]) => {
      const scheduler = fleet(a, ...others)
      scheduler.enqueue(task('t', { where, resources: { memory: '64Mi' } }))
      return run(scheduler).waits[0]?.explanation.text
    }
    const never = 'waits: no device of this mesh can take it even when empty:'
    expect(of({ device: 'x' })).toBe(`${never} 1 of 1 lack device=x`)
    expect(of({ device: '!= a' })).toBe(`${never} 1 of 1 lack device != a`)
    const b = device('b', rooms, { arch: 'arm64' })
    expect(of({ device: ['b', 'c'], arch: 'x64' }, b)).toBe(
      `${never} 1 of 2 lack arch=x64; 1 lack device in [b, c]; arch=x64 and 4Mi more memory on b would do`,
    )
    // As many devices as are counted by rows.
    const many = Array.from({ length: 400 }, (_, n) => device(`d${n}`, rooms))
    expect(of({ device: 'x' }, ...many)).toBe(`${never} 401 of 401 lack device=x`)
    expect(of({ device: 'd7' }, ...many)).toBe(
      `${never} 400 of 401 lack device=d7; 1 are too small; 4Mi more memory on d7 would do`,
    )
  })

  it('never name less than what is missing', () => {
    const scheduler = fleet(device('d', { cpu: '1', memory: '1000000' }))
    scheduler.enqueue(task('t', { resources: { cpu: '1', memory: '2090001' } }))
    const text = run(scheduler).waits[0]?.explanation.text ?? ''
    expect(text).toContain('1.1Mi more memory on d would do')
  })

  it('tell the truth, over random fleets: with the named change the task is placed, and there', () => {
    let changes = 0
    let impossible = 0
    let onGpus = 0
    for (let round = 0; round < 400; round++) {
      const random = new Random(`explain ${round}`)
      const devices = Array.from({ length: 1 + random.below(6) }, (_, n) =>
        device(
          `d${n}`,
          {
            cpu: `${100 * (1 + random.below(20))}m`,
            memory: `${random.below(400_000_000)}`,
            ...(random.chance(0.5) ? { gpu: `${random.below(4)}` } : {}),
          },
          {
            zone: `z${random.below(2)}`,
            ...(random.chance(0.5) ? { rack: `r${random.below(3)}` } : {}),
            ...(random.chance(0.5) ? { cores: `${1 << random.below(4)}` } : {}),
          },
        ),
      )
      for (const one of devices) {
        if (random.chance(0.1)) one.desired = { cordon: true }
        if (random.chance(0.2))
          one.update({ ...one.state, executors: ['exec', 'function'], functions: ['f'] })
      }
      const scheduler = fleet(...devices)
      const fillers = Array.from({ length: 10 }, (_, n) => {
        const resources = { cpu: `${100 * (1 + random.below(10))}m`, memory: `${random.below(99_000_000)}` }
        const gpu = random.chance(0.4) ? { gpu: `${100 * (1 + random.below(9))}m` } : {}
        return task(`filler${n}`, { resources: { ...resources, ...gpu } })
      })
      for (const filler of fillers) scheduler.enqueue(filler)
      run(scheduler)
      // What waits for room as well might take it first.
      for (const filler of fillers) scheduler.remove(filler)
      const near = random.chance(0.15) ? random.pick(['rack', 'cores']) : undefined
      const spec: Partial<TaskSpec> = {
        ...(random.chance(0.2) ? { run: { function: random.pick(['f', 'g']) } } : {}),
        where: {
          zone: 'z0',
          ...(random.chance(0.3) ? { rack: random.pick(['r1', 'r9', ['r8', 'r9'], ['r2', 'r9']]) } : {}),
          ...(random.chance(0.3) ? { cores: `>= ${random.pick([4, 32])}` } : {}),
        },
        ...(near === undefined ? {} : { group: 'g', near: [{ group: 'g', by: near }] }),
        resources: {
          cpu: `${1 + random.below(3_000)}m`,
          memory: `${random.below(500_000_000)}`,
          ...(random.chance(0.4) ? { gpu: random.pick(['1', '2', '300m', '750m']) } : {}),
        },
      }
      scheduler.enqueue(task('asked', spec))
      const wait = run(scheduler).waits.find(({ ids }) => ids.includes('asked'))
      if (wait === undefined) continue
      const { text } = wait.explanation
      const none = !devices.some((one) => couldTake(one, spec, near))
      expect([round, text, wait.explanation.impossible ?? false]).toEqual([round, text, none])
      expect(text.includes('no device of this mesh can take it even when empty')).toBe(none)
      if (none) impossible++
      if (!text.endsWith(' would do')) {
        // Then there is nothing to add to: all are closed, or lack what one cannot just have.
        const open = devices.filter(({ desired }) => desired.cordon !== true)
        const apt = (one: DeviceRecord) => near === undefined || one.labels[near] !== undefined
        expect([round, text, none && open.some(apt)]).toEqual([round, text, false])
        continue
      }
      const { id, parts, gpus } = changeIn(text)
      const changed = devices.find((one) => one.id === id) as DeviceRecord
      give(changed, parts)
      expect(parts.length > 0 || gpus !== '', text).toBe(true)
      if (gpus !== '') {
        free(changed, gpus, parseQuantity(spec.resources?.['gpu'] ?? 0) ?? 0)
        onGpus++
      }
      scheduler.deviceChanged(changed)
      expect([round, run(scheduler).placed]).toEqual([round, expect.arrayContaining([['asked', id]])])
      changes++
    }
    expect(changes).toBeGreaterThan(100)
    expect(impossible).toBeGreaterThan(100)
    expect(onGpus).toBeGreaterThan(10)
  })
})
