import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candidacy, DeviceState } from '../../shared/protocol/schemas/index.ts'
import { Leaders, order, placeOf } from './rank.ts'

function state(candidate: Candidacy, cpu: string, memory = '1Gi', online = true): DeviceState {
  return {
    incarnation: 1,
    nonce: 'n',
    online,
    labels: {},
    capacity: { cpu, memory },
    executors: [],
    candidate,
    version: '1',
  }
}

describe('rank', () => {
  it('puts preferred candidates first, then larger ones, then by id', () => {
    const states = new Map([
      ['small', state('auto', '1')],
      ['large', state('auto', '8')],
      ['chosen', state('prefer', '500m')],
      ['twin-b', state('auto', '4', '2Gi')],
      ['twin-a', state('auto', '4', '2Gi')],
      ['roomy', state('auto', '4', '4Gi')],
    ])
    expect(order(states)).toEqual(['chosen', 'large', 'roomy', 'twin-a', 'twin-b', 'small'])
  })

  it('gives a place among those who were named before those who offered themselves', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    const states = ids.map((id) => [id, state('auto', '1')] as const)
    const place = (device: string) => placeOf(device, states, [['a', 'c'], ['e']], 'a')
    expect(place('c')).toBe(0)
    expect(place('e')).toBe(1)
    expect(place('d')).toBe(1)
    expect(place('f')).toBe(2)
    expect(place('unknown')).toBe(2)
    // One that was named and offers itself as well is waited for once.
    expect(
      placeOf(
        'f',
        states,
        [
          ['b', 'c'],
          ['c', 'e'],
        ],
        'a',
      ),
    ).toBe(3)
  })

  it('leaves out who is offline or must not', () => {
    const states = new Map([
      ['gone', state('prefer', '8', '1Gi', false)],
      ['never', state('never', '8')],
      ['here', state('auto', '1')],
    ])
    expect(order(states)).toEqual(['here'])
  })

  it('keeps the first few as states come, as sorting everybody each time would find them', () => {
    const change = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      state: fc.option(
        fc
          .tuple(
            fc.constantFrom<Candidacy>('auto', 'prefer', 'never'),
            fc.constantFrom('1', '2'),
            fc.boolean(),
          )
          .map(([candidate, cpu, online]) => state(candidate, cpu, '1Gi', online)),
        { nil: undefined },
      ),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const states = new Map<string, DeviceState>()
        const leaders = new Leaders(3, () => states)
        for (const { id, state: news } of changes) {
          if (news === undefined) states.delete(id)
          else states.set(id, news)
          leaders.changed(id, news)
          expect(leaders.ids()).toEqual(order(states).slice(0, 3))
          expect(leaders.ids()).toBe(leaders.ids())
        }
      }),
    )
  })
})
