/** The benchmark of placement reads what the OR-Library writes, and counts what it says it counts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readBinPackings, SETS } from '../bench/bin-packing.ts'
import type { GpuNode, GpuPod } from '../bench/gpu-cluster.ts'
import { byScheduler } from '../bench/gpu-scheduler.ts'
import { bestFit, dotProduct, fragmentationDescent } from '../bench/gpu-scores.ts'
import { metTarget, runPlacement } from '../bench/placement.ts'
import { runStrategies } from '../bench/strategies.ts'
import { strategiesChart } from '../bench/strategies-chart.ts'
import { traceChart } from '../bench/trace-chart.ts'
import { Random } from '../shared/random/random.ts'

describe('the benchmark of placement', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'covey-packing-'))
    SETS.forEach((set, n) => {
      // Two items are at home in a bin of ten, one of them written with a decimal.
      writeFileSync(join(folder, `binpack${n + 1}.txt`), ` 1\n ${set}_00\n 10 4 3\n6.5\n3.5\n5\n5\n`)
    })
    write(2)
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const bins = () => ({ sets: folder, trace: undefined, graphs: undefined })
  const write = (bins: number) =>
    writeFileSync(
      join(folder, 'bounds.csv'),
      ['instance,lower,upper', ...SETS.map((set) => `${set}_00,${bins},${bins}`), ''].join('\n'),
    )

  it('reads sizes in thousandths and takes the proven number of bins', () => {
    const instances = readBinPackings(folder)
    expect(instances).toHaveLength(SETS.length)
    const sizes = [6_500, 3_500, 5_000, 5_000]
    expect(instances[0]).toEqual({ name: 'u120_00', set: 'u120', room: 10_000, sizes, optimum: 2 })
  })

  it('counts what is optimal, and by how much the rest is over', () => {
    const told: string[] = []
    const result = runPlacement(bins(), 'seed', false, (line) => told.push(line))
    expect(result.packing).toHaveLength(4 * SETS.length)
    expect(told).toHaveLength(4 * SETS.length)
    expect(result.packing[3]).toMatchObject({ set: 'u120', strategy: 'genetic', optimal: 1, proven: 1 })
    // Smallest first puts 3.5 and 5 together.
    expect(result.packing[0]).toMatchObject({ strategy: 'greedy', optimal: 0, oneOver: 1, worse: 0 })
    expect(metTarget(result)).toBe(true)
    write(1)
    expect(metTarget(runPlacement(bins(), 'seed', false, () => undefined))).toBe(false)
  })

  it('does not believe in fewer bins than were proven', () => {
    write(3)
    expect(() => runPlacement(bins(), 'seed', false, () => undefined)).toThrow(
      'u120_00, heuristic: 2 devices and 0 unplaced; 3 devices are proven the least',
    )
  })

  it('says which file is missing and where it comes from', () => {
    rmSync(join(folder, 'binpack3.txt'))
    expect(() => readBinPackings(folder)).toThrow(
      /binpack3\.txt cannot be read; placement needs --data FOLDER/,
    )
  })
})

describe('the published policies', () => {
  const pod = (gpuMilli: number, models: string[] = []): GpuPod => ({
    ...{ cpuMilli: 8_000, memoryMib: 1, gpus: 1, gpuMilli, models, kind: 0 },
  })
  const node: GpuNode = { name: 'n', model: 'T4', cpuMilli: 64_000, memoryMib: 9, gpus: [1_000, 600, 300] }

  it('score by what is left and by the dot product, in whole numbers, and take the tightest GPU', () => {
    // Left are 56 of 128 CPUs and 1.6 of 8 GPUs: 1 - (0.4375 + 0.2) / 2.
    expect(bestFit(node, pod(300))).toEqual({ score: 68, gpus: [2] })
    // 0.5 x 0.0625 and 0.2375 x 0.0375: 1 - 0.0402 / 2.
    expect(dotProduct(node, pod(300))).toEqual({ score: 97, gpus: [2] })
    expect(bestFit(node, pod(1_000)).gpus).toEqual([0])
  })

  it('descend the gradient of what typical pods cannot use', () => {
    // To pods that want whole GPUs 900 are lost. A part of the whole one loses them 1,600, of another 600.
    const whole = fragmentationDescent([pod(1_000)])
    expect(whole(node, pod(300))).toEqual({ score: Math.floor(100 / (1 + Math.exp(-0.3))), gpus: [1] })
    // To pods of another model everything is lost already, and what is placed is lost no more.
    const others = fragmentationDescent([pod(1_000, ['V100'])])
    expect(others(node, pod(300))).toEqual({ score: Math.floor(100 / (1 + Math.exp(-0.3))), gpus: [0] })
  })
})

describe('the scheduler on a trace', () => {
  it('places pods where they fit, on the GPUs that it says, and drops what fits nowhere', () => {
    const node = (name: string, model: string): GpuNode => ({
      ...{ name, model, cpuMilli: 8_000, memoryMib: 1_024, gpus: [1_000, 1_000] },
    })
    const nodes = [node('a', 'T4'), node('b', 'V100')]
    const place = byScheduler(nodes, 'replay', new Random('trace'))
    const pod = { cpuMilli: 1_000, memoryMib: 64, gpus: 1, gpuMilli: 600, models: ['V100'], kind: 0 }
    for (let n = 0; n < 3; n++) place(pod)
    expect(nodes.map(({ gpus }) => gpus)).toEqual([
      [1_000, 1_000],
      [400, 400],
    ])
    place({ ...pod, gpus: 2, gpuMilli: 1_000, models: [] })
    place({ ...pod, cpuMilli: 7_000, gpus: 0, gpuMilli: 0 })
    expect(nodes.map(({ cpuMilli, gpus }) => [cpuMilli, gpus])).toEqual([
      [7_000, [0, 0]],
      [6_000, [400, 400]],
    ])
  })
})

describe('the chart of policies', () => {
  it('shows each as measured or as published, the best first', () => {
    const figures = (at130: number) => ({ at100: at130 - 1, at130, deviation: 0.1 })
    const row = { workload: 'default', shuffles: 10 } as const
    const svg = traceChart([
      { ...row, policy: 'Packing', found: undefined, published: figures(80) },
      { ...row, policy: 'replay', found: figures(90), published: undefined },
      { ...row, policy: 'FGD', found: figures(85), published: figures(99) },
    ])
    const bars = [...svg.matchAll(/>(\w+ \(\w+\))<.*?width="([\d.]+)".*?>([\d.]+)</g)]
    expect(bars.map(([, name, , figure]) => `${name} ${figure}`)).toEqual([
      'replay (measured) 90.00',
      'FGD (measured) 85.00',
      'Packing (published) 80.00',
    ])
    const widths = bars.map(([, , width]) => Number(width))
    expect(widths).toEqual(widths.toSorted((a, b) => b - a))
    expect(new Set(widths).size).toBe(3)
  })
})

describe('strategies side by side', () => {
  const rows = runStrategies('test', true, () => undefined)
  const of = (strategy: string, objective: string) =>
    rows.find((row) => row.strategy === strategy && row.objective === objective) as (typeof rows)[number]

  it('finds what each objective is for, whoever plans', () => {
    for (const strategy of ['heuristic', 'dp', 'genetic']) {
      expect(of(strategy, 'peak').peak).toBeLessThanOrEqual(of(strategy, 'packing').peak)
      expect(of(strategy, 'packing').used).toBeLessThan(of(strategy, 'peak').used)
    }
    expect(of('best-fit', 'packing').used).toBeLessThan(of('greedy', 'peak').used)
  })

  it('gives the same seed the same figures, but for times', () => {
    const again = runStrategies('test', true, () => undefined)
    const untimed = (all: typeof rows) => all.map((row) => ({ ...row, perSecond: 0 }))
    expect(untimed(again)).toEqual(untimed(rows))
  })

  it('draws a bar for each of them in every panel', () => {
    const svg = strategiesChart(rows)
    expect(svg.match(/<rect /g)).toHaveLength(3 * rows.length)
    for (const { strategy, objective } of rows) expect(svg).toContain(`>${strategy}, ${objective}<`)
  })
})
