/** Arrays in virtual time: every element ends once, whatever dies on the way. */
import { describe, expect, it } from 'vitest'
import { Agent } from '../agent/core/agent.ts'
import {
  type ElementResult,
  isTerminal,
  type ResultPage,
  type TaskSpec,
  type TaskStatus,
} from '../shared/protocol/schemas/index.ts'
import { VARIANTS, type VariantName } from './broker/variants.ts'
import { WALL_START_MS } from './engine/clock.ts'
import { arrayOf, type Behaviour } from './node/behaviour.ts'
import type { Action } from './submitter.ts'
import { plainDevices } from './testing/plain-devices.ts'
import { World } from './world.ts'

/** While it is under way, on wall clocks that are right or nearly. */
const IN_20_S = new Date(WALL_START_MS + 20_000).toISOString()

/** Four devices with the real agent, and what was published of one array. */
class Bed {
  readonly world: World
  readonly statuses: TaskStatus[] = []
  /** Every process that began, by the name of its element. */
  readonly begun = new Map<string, number>()

  constructor(variant: VariantName, actions: readonly Action[]) {
    this.world = new World({
      seed: `arrays ${variant}`,
      mesh: 'm',
      variant: VARIANTS[variant],
      core: (options) => new Agent(options),
      devices: plainDevices(['a', 'b', 'c', 'd']),
      actions: [actions],
      observe: () => [
        {
          accepted: (packet) => {
            if (packet.route === 'status' && packet.body !== undefined)
              this.statuses.push(packet.body as TaskStatus)
          },
          step: (_node, _input, effects) => {
            for (const effect of effects) {
              if (effect.do === 'run') this.begun.set(effect.task, (this.begun.get(effect.task) ?? 0) + 1)
            }
          },
        },
      ],
    })
  }

  until(what: string, condition: () => boolean, limitMs = 120_000): void {
    if (!this.world.runUntil(condition, limitMs, 10)) throw new Error(`not within ${limitMs}ms: ${what}`)
  }

  get last(): TaskStatus | undefined {
    return this.statuses.at(-1)
  }

  ended(): boolean {
    return this.last !== undefined && isTerminal(this.last.state)
  }

  done(): number {
    const { states = {} } = this.last?.array ?? {}
    return Object.entries(states).reduce(
      (sum, [state, count]) => sum + (isTerminal(state as never) ? count : 0),
      0,
    )
  }

  /** All results on the broker. */
  results(task: string): ElementResult[] {
    const found: ElementResult[] = []
    const prefix = this.world.topics.ofPage(task, '')
    for (const packet of this.world.broker.retained.all()) {
      if (packet.topic.startsWith(prefix)) found.push(...(packet.body as ResultPage).results)
    }
    return found.sort((x, y) => x.element - y.element)
  }
}

const quick = (ms = 200): Behaviour => ({ ms, ends: 'succeeds' })
const many = (count: number, behaviour = quick()): Behaviour[] =>
  Array.from({ length: count }, () => behaviour)
const submit = (behaviours: readonly Behaviour[], more: Partial<TaskSpec> = {}): Action => ({
  atMs: 5_000,
  do: 'submit',
  task: 't',
  spec: { ...arrayOf(behaviours), timeout: '30s', ...more },
})

describe.each(Object.keys(VARIANTS) as VariantName[])('an array on %s', (variant) => {
  it('runs each of its elements once, and ends when all have and their pages are kept', () => {
    const bed = new Bed(variant, [submit(many(300))])
    bed.until('the array ends', () => bed.ended())
    expect(bed.last).toMatchObject({ state: 'succeeded', array: { elements: 300, reported: 300 } })
    expect(bed.results('t').map(({ element }) => element)).toEqual(Array.from({ length: 300 }, (_, n) => n))
    expect([...bed.begun.values()].every((count) => count === 1)).toBe(true)
    bed.until('its spec is cleared', () => {
      return bed.world.broker.retained.get(bed.world.topics.of('spec', 't')) === undefined
    })
  })

  it('goes on under a new coordinator, and nothing that stands in a page runs again', () => {
    const bed = new Bed(variant, [submit(many(400))])
    bed.until('a part is done', () => bed.done() > 120)
    const finished = new Set(bed.results('t').map(({ element }) => element))
    const former = bed.world.holder
    former?.crash()
    bed.until('another holds the seat', () => ![undefined, former].includes(bed.world.holder))
    former?.start()
    bed.until('the array ends', () => bed.ended())
    expect(bed.last).toMatchObject({ state: 'succeeded', array: { elements: 400, reported: 400 } })
    const results = bed.results('t')
    expect(results.length).toBe(400)
    expect(new Set(results.map(({ element }) => element)).size).toBe(400)
    for (const element of finished) expect(bed.begun.get(`t[${element}]`), `t[${element}]`).toBe(1)
  })
})

describe('an array', () => {
  it('fails with its bad element alone, after that element’s own retries', () => {
    const behaviours = many(50)
    behaviours[17] = { ms: 100, ends: 'fails' }
    const bed = new Bed('covey', [submit(behaviours, { retries: { failed: 2 } })])
    bed.until('the array ends', () => bed.ended())
    expect(bed.last).toMatchObject({
      state: 'failed',
      failed: 3,
      error: { code: 'E_ELEMENTS' },
      array: { states: { succeeded: 49, failed: 1 }, errors: [{ element: 17 }] },
    })
    expect(bed.begun.get('t[17]')).toBe(3)
    expect(bed.results('t')[17]).toMatchObject({ state: 'failed', attempts: 3 })
  })

  it('ends an element that hangs at its own timeout', () => {
    const behaviours = many(20)
    behaviours[3] = { ms: 100, ends: 'hangs' }
    const bed = new Bed('covey', [submit(behaviours, { timeout: '2s' })])
    bed.until('the array ends', () => bed.ended())
    expect(bed.last).toMatchObject({ state: 'failed', array: { states: { succeeded: 19, timed_out: 1 } } })
  })

  it('ends cancelled when it is withdrawn, and what never began stands in no page', () => {
    const bed = new Bed('covey', [
      submit(many(500, quick(3_000))),
      { atMs: 12_000, do: 'withdraw', task: 't' },
    ])
    bed.until('the array ends', () => bed.ended())
    expect(bed.last?.state).toBe('cancelled')
    const { states = {}, reported = 0 } = bed.last?.array ?? {}
    expect((states['succeeded'] ?? 0) + (states['cancelled'] ?? 0)).toBe(500)
    expect(bed.results('t').length).toBe(reported)
    expect(reported).toBeLessThan(300)
  })

  it('ends timed out at its deadline', () => {
    const bed = new Bed('covey', [submit(many(500, quick(3_000)), { deadline: IN_20_S })])
    bed.until('the array ends', () => bed.ended())
    expect(bed.last).toMatchObject({ state: 'timed_out', error: { code: 'E_DEADLINE' } })
    expect(bed.done()).toBeGreaterThan(0)
  })

  it('survives a device that loses its power: its elements run elsewhere', () => {
    const bed = new Bed('covey', [submit(many(200, quick(1_000)))])
    bed.until('a part is done', () => bed.done() > 20)
    const victim = bed.world.nodes.find(
      (node) => node !== bed.world.holder && node.executor.processes.size > 0,
    )
    victim?.losePower()
    bed.until('the array ends', () => bed.ended())
    expect(bed.last).toMatchObject({ state: 'succeeded', array: { reported: 200 } })
    expect(bed.last?.lost).toBeGreaterThan(0)
  })

  it('leaves nothing on the broker after its ttl', () => {
    const bed = new Bed('covey', [submit(many(100), { ttl: '20s' })])
    bed.until('the array ends', () => bed.ended())
    expect(bed.results('t').length).toBe(100)
    bed.until('it is forgotten', () => {
      const { retained } = bed.world.broker
      return [...retained.all()].every((packet) => packet.address?.id !== 't')
    })
  })

  it('remembers the tries of its elements across coordinators', () => {
    const bed = new Bed('covey', [
      submit([{ ms: 300, ends: 'fails' }, ...many(3, quick(20_000))], { retries: { failed: 3 } }),
    ])
    bed.until('an element is tried again', () => (bed.last?.array?.retried?.[0]?.failed ?? 0) === 2)
    const former = bed.world.holder
    former?.crash()
    bed.until('another holds the seat', () => ![undefined, former].includes(bed.world.holder))
    former?.start()
    bed.until('the array ends', () => bed.ended())
    expect(bed.results('t')[0]).toMatchObject({ element: 0, state: 'failed' })
    expect(bed.begun.get('t[0]')).toBeLessThanOrEqual(5)
  })
})
