import { describe, expect, it } from 'vitest'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { Engine } from '../engine/engine.ts'
import type { SimNode } from '../node/node.ts'
import type { NodeEvent } from '../observer.ts'
import { Violations } from './checker.ts'
import { FencingChecker } from './i1-fencing.ts'

const NODE = { device: 'd' } as SimNode
const ACT: AgentEffect[] = [{ do: 'kill', attempt: { term: 1, agent: 'a', n: 1 }, graceMs: 0 }]

const order = (term: number, agent: string, seq: number): AgentInput => ({
  in: 'message',
  link: 'device',
  message: {
    route: 'inbox',
    id: 'd',
    retained: false,
    body: { term, agent, seq, assign: [], revoke: [], ack: [] },
  },
})

/** Plays orders (`[term, agent, seq, acted upon]`) and events of the device; gives what was found. */
function found(
  ...story: (readonly [number, string, number, boolean?] | NodeEvent | 'disk full')[]
): string[] {
  const violations = new Violations(new Engine({ seed: 's' }))
  const checker = new FencingChecker(violations)
  for (const item of story) {
    if (item === 'disk full') checker.step(NODE, { in: 'journaled', seq: 1, error: 'full' }, [])
    else if (typeof item === 'string') checker.node(NODE, item)
    else checker.step(NODE, order(item[0], item[1], item[2]), item[3] === false ? [] : ACT)
  }
  return violations.list.map((violation) => violation.found)
}

describe('the checker of I1', () => {
  it.each([
    [
      'orders in order are right',
      [
        [1, 'a', 1],
        [1, 'a', 2],
        [2, 'a', 1],
        [2, 'b', 1],
      ],
      0,
    ],
    [
      'an order of a lower term',
      [
        [2, 'a', 1],
        [1, 'a', 2],
      ],
      1,
    ],
    [
      'an order of a lower agent of the same term',
      [
        [2, 'b', 1],
        [2, 'a', 1],
      ],
      1,
    ],
    [
      'an order a second time',
      [
        [1, 'a', 1],
        [1, 'a', 1],
      ],
      1,
    ],
    [
      'an order that is dropped is no act',
      [
        [2, 'a', 1],
        [1, 'a', 2, false],
      ],
      0,
    ],
    ['a lower term after a restart', [[2, 'a', 1], 'crash', 'boot', [1, 'a', 2]], 1],
    ['an order again after a restart is right', [[2, 'a', 1], 'crash', 'boot', [2, 'a', 1]], 0],
    ['a lower term after the disk was wiped is excused', [[2, 'a', 1], 'wiped', 'boot', [1, 'a', 2]], 0],
    [
      'a lower term after a full disk and a restart is excused',
      [[2, 'a', 1], 'disk full', 'boot', [1, 'a', 2]],
      0,
    ],
    ['a lower term after a full disk alone', [[2, 'a', 1], 'disk full', [1, 'a', 2]], 1],
  ] as const)('%s', (_, story, count) => {
    expect(found(...story).length).toBe(count)
  })
})
