import { describe, expect, it } from 'vitest'
import { Engine } from '../engine/engine.ts'
import type { Target } from '../engine/queue.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import { Violations } from './checker.ts'
import { ExclusiveChecker } from './i3-exclusive.ts'

type Event = readonly [
  atMs: number,
  what: 'starts' | 'ends' | 'sleeps' | 'wakes',
  device: string,
  task?: string,
]

/** Plays what happens on devices; gives what was found. */
function found(story: readonly Event[], exclusive = true): string[] {
  const engine = new Engine({ seed: 's' })
  const violations = new Violations(engine)
  const checker = new ExclusiveChecker(violations, engine)
  const processes = new Map<string, Process>()
  const play: Target = {
    serial: engine.serial(),
    on: (_, arg) => {
      const [, what, device, task = 't'] = arg as Event
      const node = { device } as SimNode
      if (what === 'sleeps' || what === 'wakes') return checker.sleep(node, what === 'sleeps')
      const attempt = { term: 1, agent: 'a', n: processes.size + 1 }
      const process = processes.get(device + task) ?? ({ task, attempt, spec: { exclusive } } as Process)
      processes.set(device + task, process)
      checker.process(node, process, what === 'starts')
    },
  }
  for (const event of story) engine.after(event[0], play, 0, event)
  engine.runUntil(10_000)
  checker.finish()
  return violations.list.map((violation) => violation.found)
}

const TOGETHER: readonly Event[] = [
  [0, 'starts', 'd'],
  [1_000, 'starts', 'e'],
  [3_000, 'ends', 'd'],
]

describe('the checker of I3', () => {
  it('finds two attempts of an exclusive task that run together, and says for how long', () => {
    expect(found(TOGETHER)).toEqual(['1.a.1 on d and 1.a.2 on e for 2000 ms'])
  })

  it('finds two that run together at the end', () => {
    expect(found(TOGETHER.slice(0, 2))).toEqual(['1.a.1 on d and 1.a.2 on e for 9000 ms'])
  })

  it.each<[string, readonly Event[]]>([
    ['one after the other', [...TOGETHER.slice(0, 1), [900, 'ends', 'd'], [1_000, 'starts', 'e']]],
    ['together for as long as a KILL may take', [...TOGETHER.slice(0, 2), [1_400, 'ends', 'd']]],
    ['of two tasks', [...TOGETHER.slice(0, 1), [1_000, 'starts', 'e', 'other']]],
    [
      'of which one stands still with its device',
      [
        [0, 'starts', 'd'],
        [500, 'sleeps', 'd'],
        [1_000, 'starts', 'e'],
        [3_000, 'wakes', 'd'],
        [3_100, 'ends', 'd'],
      ],
    ],
  ])('finds nothing in attempts %s', (_, story) => {
    expect(found(story)).toEqual([])
  })

  it('finds what goes on when its device has woken up', () => {
    const story: Event[] = [
      [0, 'starts', 'd'],
      [500, 'sleeps', 'd'],
      [1_000, 'starts', 'e'],
      [3_000, 'wakes', 'd'],
      [4_000, 'ends', 'd'],
    ]
    expect(found(story)).toEqual(['1.a.1 on d and 1.a.2 on e for 1000 ms'])
  })

  it('does not look at tasks that may overlap', () => {
    expect(found(TOGETHER, false)).toEqual([])
  })
})
