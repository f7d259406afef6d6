import { describe, expect, it } from 'vitest'
import { Agent } from '../agent/core/agent.ts'
import { CANDIDATES_MAX } from '../agent/core/options.ts'
import type { Offer, TaskSpec, TaskStatus } from '../shared/protocol/schemas/index.ts'
import { isTerminal } from '../shared/protocol/schemas/index.ts'
import { VARIANTS, type VariantName } from './broker/variants.ts'
import { Violations } from './checkers/checker.ts'
import { OnceChecker } from './checkers/i2-once.ts'
import { type Behaviour, runOf } from './node/behaviour.ts'
import type { SimNode } from './node/node.ts'
import type { Observer } from './observer.ts'
import type { Action } from './submitter.ts'
import { plainDevices } from './testing/plain-devices.ts'
import { World } from './world.ts'

const ALL = Object.keys(VARIANTS) as VariantName[]

/** Three devices with the real agent, one submitter, and every status that was published. */
class Bed {
  readonly world: World
  readonly statuses: TaskStatus[] = []
  /** Who bid, in order. */
  readonly bids: string[] = []
  violations: Violations | undefined

  constructor(variant: VariantName, actions: readonly Action[]) {
    const collect: Observer = {
      accepted: (packet) => {
        if (packet.route === 'status' && packet.body !== undefined)
          this.statuses.push(packet.body as TaskStatus)
        if (packet.route === 'bid') this.bids.push(packet.of.address?.id ?? '')
      },
    }
    this.world = new World({
      seed: `mesh ${variant}`,
      mesh: 'm',
      variant: VARIANTS[variant],
      core: (options) => new Agent(options),
      devices: plainDevices(['a', 'b', 'c']),
      actions: [actions],
      observe: (engine) => {
        this.violations = new Violations(engine)
        return [new OnceChecker(this.violations), collect]
      },
    })
  }

  until(what: string, condition: () => boolean, limitMs = 30_000): void {
    if (!this.world.runUntil(condition, limitMs, 10)) throw new Error(`not within ${limitMs}ms: ${what}`)
  }

  last(task: string): TaskStatus | undefined {
    return this.statuses.findLast((status) => status.task === task)
  }

  /** The device that runs a task's process now. */
  runner(): SimNode | undefined {
    return this.world.nodes.find((node) => node.executor.processes.size > 0)
  }
}

const task = (behaviour: Behaviour): TaskSpec => ({ run: runOf(behaviour), timeout: '30s' })
const submit = (id: string, behaviour: Behaviour, atMs = 5_000): Action => ({
  atMs,
  do: 'submit',
  task: id,
  spec: task(behaviour),
})

describe.each(ALL)('three devices in virtual time on %s', (variant) => {
  it('run a task to its one end and take its spec away', () => {
    const bed = new Bed(variant, [submit('t', { ms: 1_000, ends: 'succeeds' })])
    bed.until('the task succeeds', () => bed.last('t')?.state === 'succeeded')
    bed.until(
      'the spec is cleared',
      () => bed.world.broker.retained.get(bed.world.topics.of('spec', 't')) === undefined,
    )
    expect(bed.last('t')).toMatchObject({ attempts: 1, lost: 0, result: { exitCode: 0, stdout: '1000' } })
    expect(bed.violations?.list).toEqual([])
  })

  it('run a task elsewhere when the device that runs it loses its power, and end it once', () => {
    const bed = new Bed(variant, [submit('t', { ms: 4_000, ends: 'succeeds' })])
    bed.until('the task runs', () => bed.runner() !== undefined && bed.last('t')?.state === 'running')
    const victim = bed.runner() as SimNode
    victim.losePower()
    bed.until('the task succeeds elsewhere', () => bed.last('t')?.state === 'succeeded', 60_000)
    expect(bed.last('t')?.device).not.toBe(victim.device)
    expect(bed.last('t')?.lost).toBe(1)
    victim.start()
    bed.world.runFor(20_000)
    expect(bed.statuses.filter((status) => isTerminal(status.state)).length).toBe(1)
    expect(bed.violations?.list).toEqual([])
  })

  it('go on under a new coordinator of a higher term when the first dies, and lose nothing', () => {
    const ids = Array.from({ length: 20 }, (_, n) => `t${n}`)
    const actions = ids.map((id, n) => submit(id, { ms: 2_000, ends: 'succeeds' }, 5_000 + n * 100))
    const bed = new Bed(variant, actions)
    bed.until('some tasks run', () => bed.statuses.some((status) => status.state === 'running'))
    const former = bed.world.holder as SimNode
    const term = bed.last('t0')?.term ?? 0
    former.crash()
    bed.until('another device holds the seat', () => ![undefined, former].includes(bed.world.holder))
    former.start()
    bed.until('all tasks succeed', () => ids.every((id) => bed.last(id)?.state === 'succeeded'), 60_000)
    expect(Math.max(...bed.statuses.map((status) => status.term))).toBeGreaterThan(term)
    expect(bed.violations?.list).toEqual([])
  })
})

describe('the first task that asks for an auction', () => {
  it.each(ALL)('is offered when devices listen, and not before, on %s', (variant) => {
    const behaviour: Behaviour = { ms: 100, ends: 'succeeds' }
    const spec: TaskSpec = { ...task(behaviour), strategy: 'auction' }
    const bed = new Bed(variant, [{ atMs: 5_000, do: 'submit', task: 't', spec }])
    bed.world.runFor(4_900)
    expect(bed.bids).toEqual([])
    bed.until('the task succeeds', () => bed.last('t')?.state === 'succeeded')
    expect(new Set(bed.bids)).toEqual(new Set(['a', 'b', 'c']))
    expect(bed.statuses.map(({ explanation }) => explanation).join()).toMatch(/won with .*\(3 bids\)/)
  })
})

describe('a fleet that starts at once', () => {
  it('comes to a coordinator without that every agent follows everything first', () => {
    const offers = new Set<string>()
    const collect: Observer = {
      accepted: ({ route, body }) => {
        if (route === 'offer') offers.add((body as Offer).agent)
      },
    }
    const names = Array.from({ length: 300 }, (_, n) => `d${n}`)
    const world = new World({
      seed: 'rush',
      mesh: 'm',
      variant: VARIANTS.covey,
      core: (options) => new Agent(options),
      devices: plainDevices(names),
      actions: [],
      startWithinMs: 50,
      observe: () => [collect],
    })
    const beacon = () => world.broker.retained.get(world.topics.of('beacon'))
    expect(world.runUntil(() => beacon() !== undefined, 10_000, 10)).toBe(true)
    expect(offers.size).toBeGreaterThanOrEqual(CANDIDATES_MAX)
    expect(offers.size).toBeLessThan(30)
  })
})
