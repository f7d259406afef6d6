import { describe, expect, it } from 'vitest'
import { Network } from '../../../shared/model/network.ts'
import { OBJECTIVES, type ObjectiveName, type TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import type { FleetTable } from './fleet-table.ts'
import { Locality } from './locality.ts'
import { needsOf } from './needs.ts'
import type { Scheduler } from './scheduler.ts'
import { Shape } from './shape.ts'
import { STRATEGY } from './strategies.ts'
import { device, fleet, NOW, run, task } from './testing/fleet.ts'
import { partsOf, scoreOf } from './weighing.ts'

const LINKS = [
  { between: ['cellar', 'roof'], latency: '20ms', bandwidth: '1G' },
  { between: ['cellar', 'barn'], latency: '200ms', bandwidth: '10M' },
]
const network = (more: object = {}) => new Network({ links: LINKS, ...more })
const at = (id: string, site?: string, capacity = { cpu: '8', memory: '8Gi' }) =>
  device(id, capacity, site === undefined ? {} : { site })
const DATA = [{ at: 'cellar', size: '128Mi' }]

function meshOf(devices: DeviceRecord[], objective: ObjectiveName = 'peak', over = network()): Scheduler {
  const scheduler = fleet(...devices)
  scheduler.configure({ strategy: STRATEGY.greedy, objective, network: over })
  return scheduler
}

describe('where data lies', () => {
  it('is a part of the score, and told with what fetching it takes', () => {
    const scheduler = meshOf([
      at('r', 'roof'),
      at('b', 'barn'),
      at('c', 'cellar', { cpu: '1', memory: '1Gi' }),
    ])
    scheduler.enqueue(task('t', { data: DATA, resources: { cpu: '500m', memory: '64Mi' } }))
    const { placed, explanations } = run(scheduler)
    // 128Mi over 1G take 1.07 s and 20 ms, which is a score of 90 %; most free is 94 % there and 50 % in the cellar.
    expect(placed).toEqual([['t', 'r']])
    expect(explanations[0]).toContain(
      'r 91 % (most free 94 %, near its data 90 % (1.1s to fetch 128Mi from cellar over 1G)), c 83 % (most free 50 %, near its data 100 %)',
    )
  })

  it('decides alone where it is the objective; of what is as near the most free is chosen', () => {
    const small = { cpu: '1', memory: '1Gi' }
    for (const spec of [{ data: DATA }, { data: DATA, prefer: [{ where: { site: 'roof' }, weight: 1 }] }]) {
      const more = at('c2', 'cellar', { cpu: '2', memory: '2Gi' })
      const scheduler = meshOf([at('r', 'roof'), at('c', 'cellar', small), more])
      scheduler.enqueue(task('t', { ...spec, objective: 'data', resources: { cpu: '500m', memory: '64Mi' } }))
      expect(run(scheduler).placed).toEqual([['t', 'c2']])
      const mesh = meshOf([at('r', 'roof'), at('c', 'cellar', small)], 'data')
      mesh.enqueue(task('t', { ...spec, resources: { cpu: '500m', memory: '64Mi' } }))
      expect(run(mesh).placed).toEqual([['t', 'c']])
    }
  })

  it('does not matter to tasks without any, also where it is the objective', () => {
    const scheduler = meshOf([at('c', 'cellar', { cpu: '1', memory: '1Gi' }), at('b', 'barn')], 'data')
    scheduler.enqueue(task('t'))
    const { placed, explanations } = run(scheduler)
    expect(placed).toEqual([['t', 'b']])
    expect(explanations[0]).toContain('most free of 2')
  })

  it('bars no device: what has no link to it scores nothing for it', () => {
    const scheduler = meshOf([at('lone', 'attic')], 'peak', network({ defaultLink: 'none' }))
    scheduler.enqueue(task('t', { data: DATA }))
    const { placed, explanations } = run(scheduler)
    expect(placed).toEqual([['t', 'lone']])
    expect(explanations[0]).toContain('near its data 0 % (no link to cellar)')
  })

  it('is told for what is there, and what comes from several sites', () => {
    const mesh = { network: network() }
    const locality = new Locality([...DATA, { at: 'roof', size: '1Mi' }], mesh)
    expect(new Locality(DATA, mesh).text({ site: 'cellar' })).toBe('all of it is there')
    expect(locality.text({ site: 'barn' })).toBe('1.8m to fetch 129Mi from 2 sites')
    const twice = new Locality([...DATA, ...DATA], mesh).text({ site: 'barn' })
    expect(twice).toMatch(/^3\.6m to fetch 256Mi from cellar over \d+M$/)
    // Without a site it is as far as the default link says.
    expect(locality.text({ site: 'cellar' })).toBe('28ms to fetch 1Mi from roof over 1G')
    expect(new Locality(DATA, mesh).text({})).toBe(
      '10.7s to fetch 128Mi from cellar over 100M, as it has no label site',
    )
  })

  it('sorts devices anew when the links are others, also those of a shape that is known', () => {
    const scheduler = meshOf([at('r', 'roof'), at('b', 'barn')], 'data')
    const next = (id: string) => {
      scheduler.enqueue(task(id, { data: DATA }))
      return run(scheduler).placed[0]?.[1]
    }
    expect(next('one')).toBe('r')
    const turned = new Network({ links: [{ between: ['cellar', 'barn'], bandwidth: '10G' }] })
    scheduler.configure({ strategy: STRATEGY.greedy, objective: 'data', network: turned })
    expect(next('two')).toBe('b')
    scheduler.configure({
      strategy: STRATEGY.greedy,
      objective: 'data',
      network: network({ siteLabel: 'floor' }),
    })
    // All are as far now.
    expect(['r', 'b']).toContain(next('three'))
  })
})

describe('over random fleets', () => {
  const SITES = ['cellar', 'roof', 'barn', 'attic', 'shed']

  it.each(OBJECTIVES)(
    'for %s the best is found, scores are from 0 to 1, and the parts make up the score',
    (objective) => {
      for (let round = 0; round < 40; round++) {
        const random = new Random(`locality ${objective} ${round}`)
        const pick = <T>(from: readonly T[]): T => from[random.below(from.length)] as T
        // More sites than tiers that are exact, at times.
        const sites = random.chance(0.3) ? Array.from({ length: 80 }, (_, n) => `s${n}`) : SITES
        const draw = () =>
          new Network({
            links: sites.slice(1).map((site) => ({
              between: [sites[0] as string, site],
              bandwidth: `${1 + random.below(2_000)}M`,
            })),
            ...(random.chance(0.3) ? { defaultLink: 'none' as const } : {}),
          })
        const devices = Array.from({ length: 2 + random.below(120) }, (_, n) =>
          at(`d${n}`, random.chance(0.1) ? undefined : pick(sites), {
            cpu: `${1 + random.below(8)}`,
            memory: `${1 + random.below(8)}Gi`,
          }),
        )
        const scheduler = meshOf(devices, objective, draw())
        for (let n = 0; n < 12; n++) {
          if (n === 6) scheduler.configure({ ...scheduler.defaults, network: draw() })
          const spec: Partial<TaskSpec> = {
            data: Array.from({ length: 1 + random.below(3) }, () => ({
              at: pick(sites),
              size: `${random.below(4_096)}Mi`,
            })),
            resources: { cpu: '500m', memory: '256Mi' },
            ...(random.chance(0.5) ? { prefer: [{ where: { site: pick(sites) }, weight: 50 }] } : {}),
          }
          const one = task(`t${n}`, n % 3 === 0 ? spec : { ...spec, data: [{ at: 'cellar', size: '64Mi' }] })
          judge(scheduler, devices, one)
        }
      }
    },
  )

  function judge(scheduler: Scheduler, devices: readonly DeviceRecord[], one: TaskRecord): void {
    const shape = new Shape(
      needsOf(one),
      { column: () => undefined } as unknown as FleetTable,
      scheduler.kinship,
      scheduler.defaults,
    )
    const score = (on: DeviceRecord) =>
      scoreOf(shape, on, shape.strategy.score(on, shape.resources, shape.durationMs))
    scheduler.enqueue(one)
    scheduler.run(
      NOW,
      1,
      ({ device: chosen, task: { demand } }) => {
        const open = devices.filter(
          (on) => shape.staticReason(on) === undefined && roomOn(on, demand?.resources ?? {}),
        )
        const scores = open.map(score)
        for (const value of scores) expect(value >= 0 && value <= 1).toBe(true)
        expect(score(chosen)).toBeGreaterThanOrEqual(Math.max(...scores) - 1e-9)
        const parts = partsOf(shape, chosen, shape.strategy.score(chosen, shape.resources, shape.durationMs))
        const weights = parts.reduce((sum, { weight }) => sum + weight, 0)
        const mean = parts.reduce((sum, part) => sum + part.weight * part.score, 0) / weights
        expect(mean).toBeCloseTo(score(chosen), 9)
        chosen.add({
          ...{ key: one.id, attempt: { term: 1, agent: 'a', n: 1 }, task: one.id, seq: 1, phase: 'held' },
          ...{ resources: demand?.resources ?? {}, endsMs: NOW.monoMs + 5_000 },
        })
      },
      () => undefined,
    )
  }

  const roomOn = (on: DeviceRecord, need: Readonly<Record<string, number>>): boolean =>
    Object.entries(need).every(
      ([name, milli]) => milli <= (on.capacity[name] ?? 0) - (on.reserved[name] ?? 0),
    )
})
