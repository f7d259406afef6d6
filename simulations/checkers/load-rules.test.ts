import { expect, it } from 'vitest'
import type { AgentEffect } from '../../shared/ports.ts'
import { EXAMPLES } from '../../shared/protocol/examples.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { packetOfText } from '../broker/packet.ts'
import { Engine } from '../engine/engine.ts'
import type { SimNode } from '../node/node.ts'
import { Violations } from './checker.ts'
import { LoadChecker } from './load-rules.ts'

const TOPICS = new Topics('home')
const plain: TaskSpec = { run: { exec: ['true'] } }
const exclusive: TaskSpec = { ...plain, exclusive: true }

/** What is found when a task of these specs is moved, each published after the other under one id. */
function found(task: string, ...specs: TaskSpec[]): string[] {
  const violations = new Violations(new Engine({ seed: 's' }))
  const checker = new LoadChecker(violations)
  for (const spec of specs)
    checker.accepted(packetOfText(TOPICS.of('spec', 't'), JSON.stringify(spec), 1, true))
  const body = { ...EXAMPLES.events, kind: 'moved', task }
  const message = { route: 'events', topic: TOPICS.of('events'), body }
  const effects = [{ do: 'publish', link: 'seat', message }] as unknown as AgentEffect[]
  checker.step({ device: 'a' } as SimNode, { in: 'timer', name: 'x' }, effects)
  return violations.list.map((violation) => violation.expected)
}

const STAY = ['exclusive work to stay where it is']

it.each<[string, string, TaskSpec[], string[]]>([
  ['exclusive work', 't', [exclusive], STAY],
  ['an element of an exclusive array', 't[3]', [exclusive], STAY],
  ['other work', 't', [plain], []],
  ['work that was replaced before anybody was in office', 't', [exclusive, plain], []],
])('the checker of load judges the move of %s', (_, task, specs, expected) => {
  expect(found(task, ...specs)).toEqual(expected)
})
