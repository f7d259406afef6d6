import { describe, expect, it } from 'vitest'
import type { Candidacy, DeviceState } from '../../shared/protocol/schemas/index.ts'
import { order } from './rank.ts'

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

  it('leaves out who is offline or must not', () => {
    const states = new Map([
      ['gone', state('prefer', '8', '1Gi', false)],
      ['never', state('never', '8')],
      ['here', state('auto', '1')],
    ])
    expect(order(states)).toEqual(['here'])
  })
})
