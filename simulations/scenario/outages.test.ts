import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { faultPlan } from './fault-plan.ts'
import { mergeOutages, readOutages } from './outages.ts'
import { parseScenario } from './parse.ts'
import { syntheticOutages } from './synthetic-outages.ts'

const HEAD = 'system,node,start_min_since_1996,end_min_since_1996,cause'

describe('a record of outages', () => {
  it('is read in the order of time; overlapping outages of one node are one, also before 1996', () => {
    const text = `${HEAD}\n2,3,100,110,a\n2,4,105,120,b\n2,3,90,102,c\n2,3,-10,-5,d\n2,3,111,112,e\n`
    expect(readOutages(text, 'x.csv')).toEqual([
      { node: '2/3', startMin: -10, endMin: -5 },
      { node: '2/3', startMin: 90, endMin: 110 },
      { node: '2/4', startMin: 105, endMin: 120 },
      { node: '2/3', startMin: 111, endMin: 112 },
    ])
  })

  it('is merged as a list of minutes would be', () => {
    const outages = [3, 7, 5, 20, 22, 8].map((startMin, n) => ({
      node: 'n',
      startMin,
      endMin: startMin + (n % 3),
    }))
    const minutes = (list: typeof outages) =>
      new Set(
        list.flatMap(({ startMin, endMin }) =>
          Array.from({ length: endMin - startMin + 1 }, (_, i) => startMin + i),
        ),
      )
    const merged = mergeOutages(outages)
    expect(minutes(merged)).toEqual(minutes(outages))
    expect(merged.reduce((sum, { startMin, endMin }) => sum + endMin - startMin + 1, 0)).toBe(
      minutes(outages).size,
    )
  })

  it.each([
    ['a,b\n', /x.csv:1:1: there is no column system/],
    [`${HEAD}\n1,1,5,4,x\n`, /x.csv:2:1: the outage ends at 4, before its start at 5/],
    [`${HEAD}\n1,1,5,6,x\n1,1,soon,6,x\n`, /x.csv:3:1: "soon" is no whole number/],
  ])('that is wrong is refused with its line', (text, message) => {
    expect(() => readOutages(text, 'x.csv')).toThrow(message)
  })

  it('in the library is the made-up one', () => {
    const committed = readFileSync(new URL('../scenarios/synthetic-outages.csv', import.meta.url), 'utf8')
    expect(committed === syntheticOutages()).toBe(true)
    expect(readOutages(committed, 'x.csv').length).toBeGreaterThan(50)
  })

  it('is replayed on the calendar of the run, node by node', () => {
    const text = `name: r
about: r
duration: 10m
fleet: [{ class: n, count: 2, capacity: { cpu: 1, memory: 1Gi } }]
tasks: [{ class: t, arrive: [{ pattern: burst }], run: { mean: 1s } }]
faults: [{ kind: power, trace: o.csv, minute: 1s, from: 10s, startMinute: 100 }]
expect: { lost: 0 }
`
    const csv = `${HEAD}\n1,7,90,105,x\n1,12,200,260,x\n1,99,210,220,x\n1,7,800,810,x\n`
    const outages = new Map([['o.csv', readOutages(csv, 'o.csv')]])
    const plan = faultPlan({ ...parseScenario(text, 'r.yaml'), outages }, 's')
    expect(plan.map(({ atMs, durationMs, targets }) => [atMs, durationMs, targets])).toEqual([
      [10_000, 5_000, ['n-1']],
      [110_000, 60_000, ['n-2']],
    ])
  })
})
