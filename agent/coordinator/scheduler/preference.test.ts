import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import { Preferences } from './preference.ts'
import { device, fleet, run, task } from './testing/fleet.ts'

const ROOM = { cpu: '4', memory: '4Gi' }

describe('preferences', () => {
  it('give a device the weights of what it meets, as a share of all', () => {
    const preferences = new Preferences([
      { where: { zone: 'a' }, weight: 60 },
      { where: { cores: '>= 8', disk: ['ssd', 'nvme'] }, weight: 40 },
    ])
    expect(preferences.share({ zone: 'a' })).toBe(0.6)
    expect(preferences.share({ zone: 'b', cores: '16', disk: 'nvme' })).toBe(0.4)
    expect(preferences.share({ zone: 'a', cores: '8', disk: 'ssd' })).toBe(1)
    expect(preferences.share({ cores: '8' })).toBe(0)
  })

  it('outweigh what is free, and give way where there is no room', () => {
    const scheduler = fleet(
      device('large', { cpu: '16', memory: '16Gi' }, { zone: 'b' }),
      device('liked', { cpu: '1', memory: '1Gi' }, { zone: 'a' }),
    )
    const spec = { prefer: [{ where: { zone: 'a' }, weight: 1 }], resources: { cpu: '600m', memory: '64Mi' } }
    scheduler.enqueue(task('first', spec))
    scheduler.enqueue(task('second', spec))
    expect(run(scheduler).placed).toEqual([
      ['first', 'liked'],
      ['second', 'large'],
    ])
  })

  it('say in the explanation what each score is made of', () => {
    const scheduler = fleet(
      device('plain', ROOM),
      device('liked', ROOM, { zone: 'a' }),
      device('half', ROOM, { disk: 'ssd' }),
    )
    const prefer = [
      { where: { zone: 'a' }, weight: 75 },
      { where: { disk: 'ssd' }, weight: 25 },
    ]
    scheduler.enqueue(task('t', { prefer, resources: { cpu: '1', memory: '1Gi' } }))
    const [explanation] = run(scheduler).explanations
    expect(explanation).toBe(
      'placed on liked: best score of 3 with room looked at, 3 could take it; 75 % of its scarcest resource is left; ' +
        'scores: liked 75 % (most free 75 %, preferred 75 %), half 42 % (most free 75 %, preferred 25 %), ' +
        'plain 25 % (most free 75 %, preferred 0 %)',
    )
  })

  it('are found among many devices that are not preferred, and followed when labels change', () => {
    const devices = Array.from({ length: 500 }, (_, n) => device(`d${n}`, ROOM, { zone: `z${n % 250}` }))
    const scheduler = fleet(...devices)
    const prefer = [{ where: { zone: 'z17' }, weight: 10 }]
    scheduler.enqueue(task('a', { prefer }))
    expect(run(scheduler).placed).toEqual([['a', 'd267']])
    for (const n of [17, 267]) {
      const changed = devices[n] as (typeof devices)[number]
      changed.update({ ...changed.state, labels: {} })
      scheduler.deviceChanged(changed)
    }
    const other = devices[333] as (typeof devices)[number]
    other.update({ ...other.state, labels: { zone: 'z17' } })
    scheduler.deviceChanged(other)
    scheduler.enqueue(task('b', { prefer }))
    expect(run(scheduler).placed).toEqual([['b', 'd333']])
    scheduler.deviceGone(other)
    scheduler.enqueue(task('c', { prefer }))
    expect(run(scheduler).placed).toHaveLength(1)
  })

  it('choose the best score there is, over random fleets that a decision looks at whole', () => {
    for (let round = 0; round < 60; round++) {
      const random = new Random(`prefer ${round}`)
      const devices = Array.from({ length: 1 + random.below(20) }, (_, n) =>
        device(
          `d${n}`,
          { cpu: `${1 + random.below(8)}`, memory: '8Gi' },
          { zone: `z${random.below(3)}`, disk: random.chance(0.5) ? 'ssd' : 'hdd' },
        ),
      )
      const prefer = [
        { where: { zone: 'z1' }, weight: 1 + random.below(100) },
        { where: { disk: 'ssd' }, weight: 1 + random.below(100) },
      ]
      const total = prefer.reduce((sum, { weight }) => sum + weight, 0)
      const score = ({ labels, capacity }: (typeof devices)[number]): number => {
        const cpu = capacity['cpu'] ?? 0
        const free = Math.min((cpu - 1000) / cpu, 7 / 8)
        const met = prefer.filter(({ where }) =>
          Object.entries(where).every(([key, value]) => labels[key] === value),
        )
        return (free + 2 * (met.reduce((sum, { weight }) => sum + weight, 0) / total)) / 3
      }
      const scheduler = fleet(...devices)
      scheduler.enqueue(task('t', { prefer, resources: { cpu: '1', memory: '1Gi' } }))
      const [[, id]] = run(scheduler).placed as [[string, string]]
      const chosen = devices.find((one) => one.id === id) as (typeof devices)[number]
      expect(score(chosen)).toBeCloseTo(Math.max(...devices.map(score)), 9)
    }
  })
})
