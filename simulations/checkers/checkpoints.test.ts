import { describe, expect, it } from 'vitest'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { EXAMPLES } from '../../shared/protocol/examples.ts'
import type { Checkpoint } from '../../shared/protocol/schemas/index.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { packetOfText } from '../broker/packet.ts'
import { Engine } from '../engine/engine.ts'
import type { SimNode } from '../node/node.ts'
import { Violations } from './checker.ts'
import { CheckpointChecker } from './checkpoints.ts'

const TOPICS = new Topics('home')
const NODE = { device: 'd' } as SimNode
const attempt = (n: number) => ({ term: 1, agent: 'a', n })
const at = (n: number, value: string): Checkpoint => ({ attempt: attempt(n), seq: 1, value })

/** A mesh of one task `t`, played by hand. */
class Play {
  readonly #violations = new Violations(new Engine({ seed: 's' }))
  readonly #checker = new CheckpointChecker(this.#violations)

  #accept(topic: string, body: object): this {
    this.#checker.accepted(packetOfText(topic, JSON.stringify(body), 1, true))
    return this
  }

  given(n: number, checkpoint?: Checkpoint, task = 't'): this {
    const spec = { run: { exec: ['true'] } }
    const assign = [{ attempt: attempt(n), task, spec, ...(checkpoint === undefined ? {} : { checkpoint }) }]
    return this.#accept(TOPICS.of('inbox', 'd'), { ...EXAMPLES.inbox, assign, batches: [] })
  }

  run(n: number, checkpoint?: Checkpoint): this {
    const effect = { do: 'run', attempt: attempt(n), task: 't', checkpoint } as unknown as AgentEffect
    this.#checker.step(NODE, { in: 'timer', name: 't' }, [effect])
    return this
  }

  publish(n: number, value: string): this {
    this.#checker.step(NODE, { in: 'checkpoint', attempt: attempt(n), value } as AgentInput, [])
    return this
  }

  status(checkpoint?: Checkpoint, state = 'running'): this {
    const body = { ...EXAMPLES.status, task: 't', state, ...(checkpoint === undefined ? {} : { checkpoint }) }
    return this.#accept(TOPICS.of('status', 't'), body)
  }

  lost(topics?: readonly string[]): this {
    this.#checker.lost(topics)
    return this
  }

  found(): string[] {
    return this.#violations.list.map(({ expected, found }) => `${expected}: ${found}`)
  }
}

const begun = () => new Play().given(1).run(1).publish(1, 'one').publish(1, 'two')

describe('the checker of checkpoints', () => {
  it('lets a task go on from what it published last, or from more than a status has said', () => {
    expect(begun().status(at(1, 'one')).given(2, at(1, 'two')).run(2, at(1, 'two')).found()).toEqual([])
    expect(begun().given(2).run(2).status().status(undefined, 'succeeded').found()).toEqual([])
  })

  it('finds a task that goes on from less than a status has said, or begins anew', () => {
    const told = 'nothing older than checkpoint "two" of 1.a.1'
    expect(begun().status(at(1, 'two')).given(2, at(1, 'one')).found()).toEqual([
      `${told}: checkpoint "one" of 1.a.1`,
    ])
    expect(begun().status(at(1, 'two')).given(2).found()).toEqual([`${told}: no checkpoint`])
    expect(begun().status(at(1, 'two')).status(at(1, 'one')).found()).toHaveLength(1)
    const later = begun().given(2).publish(2, 'three').status(at(2, 'three'))
    expect(later.given(3, at(1, 'two')).found()).toHaveLength(1)
  })

  it('finds what no attempt of the task has published', () => {
    const published = 'what an attempt of t has published'
    expect(begun().given(2, at(1, 'made up')).found()).toEqual([
      `${published}: checkpoint "made up" of 1.a.1`,
    ])
    const other = begun().given(3, undefined, 'other').publish(3, 'x').given(4, at(3, 'x'))
    expect(other.found()).toEqual([`${published}: checkpoint "x" of 1.a.3`])
    expect(begun().status(at(1, 'made up')).found()).toHaveLength(1)
  })

  it('finds an attempt that runs from elsewhere than it was told, and a last status with a checkpoint', () => {
    expect(begun().given(2, at(1, 'two')).run(2).found()).toEqual([
      'to go on from checkpoint "two" of 1.a.1: no checkpoint',
    ])
    expect(begun().status(at(1, 'two'), 'failed').found()).toEqual([
      'none at its end: checkpoint "two" of 1.a.1',
    ])
  })

  it('does not ask for what the broker has lost', () => {
    const lost = (...topics: string[]) => begun().status(at(1, 'two')).lost(topics).given(2).found()
    expect(lost(TOPICS.of('status', 't'))).toEqual([])
    expect(lost(TOPICS.of('status', 'other'))).toHaveLength(1)
    expect(begun().status(at(1, 'two')).lost().given(2).found()).toEqual([])
  })
})
