/**
 * Contradictions are what they are called: no fleet takes such a task, and some fleet takes every other. The task is of
 * no group itself: the first of a group that is near itself may go anywhere.
 */
import { describe, expect, it } from 'vitest'
import { contradiction } from '../../../shared/model/contradiction.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import { device, fleet, run, task } from './testing/fleet.ts'

const VALUES = ['1', '5', 'a', '-Infinity', 'Infinity', '']
const WANTED = [
  'a',
  '= a',
  '!= a',
  '>= 3',
  '< 3',
  '> many',
  '>= ',
  '> Infinity',
  '< -Infinity',
  '<= -Infinity',
  '>=',
]
const LABELS = ['rack', 'zone']
const FLEETS = 300

function drawSpec(random: Random): TaskSpec {
  const relations = () => {
    const by = random.pick([undefined, 'device', ...LABELS])
    return [{ group: random.pick(['g', 'h']), ...(by === undefined ? {} : { by }) }]
  }
  const wanted = () => (random.chance(0.2) ? ['a', '>= 3'] : random.pick(WANTED))
  return {
    run: { exec: ['true'] },
    ...(random.chance(0.6) ? { where: { [random.pick(LABELS)]: wanted() } } : {}),
    ...(random.chance(0.6) ? { near: relations() } : {}),
    ...(random.chance(0.6) ? { apart: relations() } : {}),
  }
}

/** Whether the task is placed on a fleet of a few devices with tasks of the groups here and there. */
function taken(random: Random, spec: TaskSpec): boolean {
  const devices = Array.from({ length: 1 + random.below(3) }, (_, n) => {
    const labels = LABELS.filter(() => random.chance(0.6)).map((label) => [
      label,
      random.pick([...VALUES, '>= 3']),
    ])
    return device(`d${n}`, { cpu: '8', memory: '8Gi' }, Object.fromEntries(labels))
  })
  const scheduler = fleet(...devices)
  for (const group of ['g', 'h']) {
    if (random.chance(0.3)) continue
    const on = random.pick(devices).id
    scheduler.enqueue(task(`${group} on ${on}`, { group, where: { device: on } }))
  }
  run(scheduler)
  scheduler.enqueue(task('asked', spec))
  return run(scheduler).placed.some(([id]) => id === 'asked')
}

describe('a contradiction', () => {
  it('is met by no fleet, and whatever is none by some, over random specs', () => {
    let contradictions = 0
    for (let round = 0; round < 150; round++) {
      const random = new Random(`contradiction ${round}`)
      const spec = drawSpec(random)
      const found = contradiction(spec)
      if (found !== undefined) contradictions++
      let met = false
      for (let n = 0; n < FLEETS && !met; n++) met = taken(random, spec)
      expect([spec, found, met]).toEqual([spec, found, found === undefined])
    }
    expect(contradictions).toBeGreaterThan(30)
  })
})
