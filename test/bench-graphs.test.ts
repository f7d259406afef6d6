/** The benchmark of workflows reads both forms, holds HEFT and ours to what it says, and prints what fits a screen. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { faultOfGraph } from '../agent/planning/graphs/problem.ts'
import { edgeFleet } from '../bench/edge-fleet.ts'
import { readWorkflows } from '../bench/graph-sets.ts'
import { describeGraphs } from '../bench/graph-tables.ts'
import { type GraphResult, type GraphRow, metGraphTargets, runGraphs } from '../bench/graphs.ts'
import { Random } from '../shared/random/random.ts'

const networked = {
  task_graph: {
    tasks: [
      { name: 'a', cost: 10 },
      { name: 'b', cost: 20 },
      { name: 'c', cost: 20 },
    ],
    dependencies: [
      { source: 'a', target: 'b', size: 4 },
      { source: 'a', target: 'c', size: 4 },
    ],
  },
  network: {
    nodes: [
      { name: 'x', speed: 1 },
      { name: 'y', speed: 2 },
    ],
    edges: [
      { source: 'x', target: 'x', speed: 1e9 },
      { source: 'x', target: 'y', speed: 2 },
    ],
  },
}
const recorded = {
  tasks: [
    { id: 'read_1', parents: [], runtime: 3, mem: 2 ** 30, in: 5, out: 600 },
    { id: 'read_2', parents: [], runtime: 3, mem: null, in: 5, out: 200 },
    { id: 'join_3', parents: [0, 1], runtime: 2, in: 400, out: 1 },
  ],
}

describe('the benchmark of workflows', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'covey-graphs-'))
    writeFileSync(join(folder, 'small.json'), JSON.stringify(networked))
    writeFileSync(join(folder, 'seen-001.json.gz'), gzipSync(JSON.stringify(recorded)))
    writeFileSync(join(folder, 'heft_baseline.csv'), 'id,heft_makespan\nsmall,20\n')
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const fleet = edgeFleet(new Random('fleet'))

  it('reads graphs with a network of their own, whose links hold both ways', () => {
    const [small] = readWorkflows(folder, fleet, 'seed')
    expect(small).toMatchObject({ set: 'dagbench', name: 'small' })
    expect(small?.problem.links).toEqual([{ from: 'x', to: 'y', bandwidth: 2 }])
    expect(faultOfGraph(small?.problem as never)).toBeUndefined()
  })

  it('reads recorded ones: what is read comes from who wrote it, and memory bars small devices', () => {
    const [, bySpeed, byProgram] = readWorkflows(folder, fleet, 'seed')
    expect(bySpeed).toMatchObject({ set: 'wfinstances by speed', name: 'seen' })
    expect(bySpeed?.problem.dependencies).toEqual([
      { from: 'task-0', to: 'task-2', size: 300 },
      { from: 'task-1', to: 'task-2', size: 100 },
    ])
    const [first, second] = bySpeed?.problem.tasks ?? []
    expect(first?.eligible).toEqual(fleet.slice(1).map(({ id }) => id))
    expect(second?.eligible).toBeUndefined()
    expect(first?.seconds?.['pi-4']).toBe(12)
    // One program is as much slower or faster on a device in every task that runs it.
    const [one, other, join] = byProgram?.problem.tasks ?? []
    const onPi = [one, other, join].map(
      (task) => (task?.seconds?.['pi-4'] as number) / (task?.cost as number),
    )
    expect(onPi[0]).toBe(onPi[1])
    expect(onPi[0]).not.toBe(onPi[2])
    for (const each of onPi) expect(Math.abs(Math.log2(each / 4))).toBeLessThanOrEqual(1)
  })

  it('finds HEFT, ours and the optimum, and where the baseline differs, in 80 columns', () => {
    const told: string[] = []
    const result = runGraphs([folder], 'seed', false, (line) => told.push(line))
    // On y alone it takes 25; b or c on x would end at 5 + 2 + 20.
    expect(result.rows[0]).toMatchObject({ heft: 25, ours: 25, bound: 25, proven: true, baseline: 20 })
    // One graph, one recorded workflow by speed, and that by program on four fleets.
    expect(told).toHaveLength(6)
    expect(result.rows).toHaveLength(3)
    const text = describeGraphs(result)
    expect(text).toMatch(/HEFT is as in heft_baseline.csv on 0 of 1\n {2}small: 25.000, there 20.000/)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(runGraphs([folder], 'seed', true, () => undefined).rows).toHaveLength(3)
  })

  it('misses its targets when ours is longer than HEFT, than the optimum, or not shorter by enough', () => {
    const row = (part: Partial<GraphRow>): GraphRow => ({
      ...{ set: 'dagbench', name: 'g', tasks: 1, heft: 100, ours: 90, bound: 90, proven: true },
      ...{ seconds: 0, exactSeconds: 0, baseline: undefined, ...part },
    })
    const met = (part: Partial<GraphRow>, quick = false): boolean =>
      metGraphTargets({ quick, fleets: [], rows: [row(part)] } satisfies GraphResult)
    expect(met({})).toBe(true)
    expect(met({ ours: 101, bound: 80, proven: false })).toBe(false)
    expect(met({ bound: 80 })).toBe(false)
    expect(met({ bound: 80, proven: false })).toBe(true)
    const set = 'wfinstances by program'
    expect(met({ set, ours: 95 })).toBe(true)
    expect(met({ set, ours: 96 })).toBe(false)
    expect(met({ set, ours: 96 }, true)).toBe(true)
    expect(met({ set: 'wfinstances by speed', ours: 100 })).toBe(true)
  })

  it('says what is missing or wrong', () => {
    expect(() => readWorkflows(join(folder, 'none'), fleet, 'seed')).toThrow(
      /none cannot be read; workflows are/,
    )
    writeFileSync(join(folder, 'bad.json'), '{}')
    expect(() => readWorkflows(folder, fleet, 'seed')).toThrow(/bad.json is not of the form it should have/)
    const empty = mkdtempSync(join(tmpdir(), 'covey-none-'))
    expect(() => readWorkflows(empty, fleet, 'seed')).toThrow(/has no workflows/)
    rmSync(empty, { recursive: true })
  })
})
