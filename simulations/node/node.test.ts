import { describe, expect, it } from 'vitest'
import type { AgentEffect, AgentInput, Now } from '../../shared/ports.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { VARIANTS } from '../broker/variants.ts'
import { World } from '../world.ts'
import { type Behaviour, runOf } from './behaviour.ts'
import type { SimNode } from './node.ts'

/** A core that does what it is told to and writes down what it is told, with its clocks. */
class Puppet {
  readonly log: { input: AgentInput; now: Now }[] = []
  next: AgentEffect[] = []

  step(input: AgentInput, now: Now): readonly AgentEffect[] {
    this.log.push({ input, now })
    const effects = this.next
    this.next = []
    return effects
  }

  inputs(kind: AgentInput['in']): AgentInput[] {
    return this.log.map(({ input }) => input).filter((input) => input.in === kind)
  }
}

/** One device in a world of its own, and the puppets of its starts. */
class Bed {
  readonly puppets: Puppet[] = []
  readonly world: World
  readonly node: SimNode

  constructor() {
    this.world = new World({
      seed: 'bed',
      mesh: 'm',
      variant: VARIANTS.mosquitto,
      core: () => {
        const puppet = new Puppet()
        this.puppets.push(puppet)
        return puppet
      },
      devices: [
        {
          mesh: 'm',
          device: 'd0',
          labels: {},
          capacity: { cpu: 1, memory: '1Gi' },
          executors: ['exec'],
          candidate: 'auto',
          version: '0',
        },
      ],
      actions: [],
      startWithinMs: 0,
      driftPpmMax: 0,
    })
    this.node = this.world.node('d0')
    this.world.runFor(1)
  }

  get puppet(): Puppet {
    return this.puppets.at(-1) as Puppet
  }

  /** Lets the core return these effects, from a step that a timer causes. */
  do(...effects: AgentEffect[]): void {
    this.puppet.next = effects
    this.node.timers.set('prompt', 0)
    this.world.runFor(0.001)
  }

  connect(): void {
    this.do({
      do: 'connect',
      link: 'device',
      clientId: 'covey-m-agent-d0',
      will: {
        route: 'death',
        topic: 'covey/v1/m/coordinator/death',
        body: { agent: 'd0', nonce: 'n' },
        qos: 1,
        retain: false,
      },
    })
    this.world.runFor(100)
  }
}

const attempt = (n: number): Attempt => ({ term: 1, agent: 'd0', n })
const spec = (behaviour: Behaviour): TaskSpec => ({ run: runOf(behaviour) })

describe('a virtual device', () => {
  it('boots without a journal, and after a crash with what had become durable', () => {
    const bed = new Bed()
    expect(bed.puppet.inputs('boot')).toEqual([{ in: 'boot', journal: undefined }])
    bed.do({ do: 'persist', seq: 1, change: { incarnation: 7, highest: { term: 3, agent: 'x' } } })
    bed.world.runFor(100)
    expect(bed.puppet.inputs('journaled')).toEqual([{ in: 'journaled', seq: 1 }])
    bed.node.crash()
    bed.node.start()
    expect(bed.puppet.inputs('boot')).toEqual([
      { in: 'boot', journal: { incarnation: 7, highest: { term: 3, agent: 'x' }, entries: [] } },
    ])
  })

  it('loses what was not synced at some crash and keeps it at another, and never tells of it as durable', () => {
    const kept = new Set<boolean>()
    for (let tries = 0; tries < 20; tries++) {
      const bed = new Bed()
      for (let i = 0; i < tries; i++) bed.do({ do: 'measure' })
      bed.do({ do: 'persist', seq: 1, change: { incarnation: 1 } })
      bed.world.runFor(20)
      for (let i = 0; i < tries; i++) {
        bed.do({ do: 'persist', seq: 2 + i, change: { incarnation: 2 + i } })
        const journaled = bed.puppet.inputs('journaled').length
        if (i < tries - 1) bed.world.runFor(20)
        else expect(journaled).toBe(tries)
      }
      bed.node.losePower()
      bed.node.start()
      const boot = bed.puppet.inputs('boot')[0] as Extract<AgentInput, { in: 'boot' }>
      expect(boot.journal?.incarnation).toBeGreaterThanOrEqual(tries === 0 ? 1 : tries)
      kept.add(boot.journal?.incarnation === 1 + tries)
    }
    expect(kept).toEqual(new Set([true, false]))
  })

  it('answers every write with an error while its disk is full, and forgets all when it is wiped', () => {
    const bed = new Bed()
    bed.node.disk.fullCount++
    bed.do({ do: 'persist', seq: 1, change: { incarnation: 1 } })
    bed.world.runFor(50)
    expect(bed.puppet.inputs('journaled')).toEqual([
      { in: 'journaled', seq: 1, error: 'no space left on device' },
    ])
    bed.node.disk.fullCount--
    bed.do({ do: 'persist', seq: 2, change: { incarnation: 2 } })
    bed.world.runFor(50)
    bed.node.losePower()
    bed.node.wipe()
    bed.node.start()
    expect(bed.puppet.inputs('boot')).toEqual([{ in: 'boot', journal: undefined }])
  })

  it('queues what comes in while it is frozen, and its timers come late but once', () => {
    const bed = new Bed()
    bed.do({ do: 'timer', name: 'a', delayMs: 100 }, { do: 'timer', name: 'b', delayMs: 50 })
    bed.node.freeze()
    bed.world.runFor(1000)
    expect(bed.puppet.inputs('timer').length).toBe(1)
    bed.node.thaw()
    expect(bed.puppet.inputs('timer').slice(1)).toEqual([
      { in: 'timer', name: 'b' },
      { in: 'timer', name: 'a' },
    ])
    bed.world.runFor(1000)
    expect(bed.puppet.inputs('timer').length).toBe(3)
  })

  it('does not act on a timer that was due while it was frozen and is cancelled by an earlier input', () => {
    const bed = new Bed()
    bed.do({ do: 'timer', name: 'a', delayMs: 50 }, { do: 'timer', name: 'b', delayMs: 100 })
    bed.node.freeze()
    bed.world.runFor(1000)
    bed.puppet.next = [{ do: 'cancel-timer', name: 'b' }]
    bed.node.thaw()
    bed.world.runFor(1000)
    expect(bed.puppet.inputs('timer').slice(1)).toEqual([{ in: 'timer', name: 'a' }])
  })

  it('sleeps with its timers and its monotonic clock, while the wall clock goes on', () => {
    const bed = new Bed()
    bed.do({ do: 'timer', name: 'a', delayMs: 100 })
    const before = bed.node.clock.now()
    bed.node.suspend()
    bed.world.runFor(60_000)
    bed.node.wake()
    bed.world.runFor(99.9)
    expect(bed.puppet.inputs('timer').length).toBe(1)
    bed.world.runFor(1)
    expect(bed.puppet.inputs('timer').length).toBe(2)
    const { now } = bed.puppet.log.at(-1) as { now: Now }
    expect(now.monoMs - before.monoMs).toBeCloseTo(100, 1)
    expect(now.wallMs - before.wallMs).toBeGreaterThanOrEqual(60_099)
  })

  it('runs tasks as their specs say, and ends them as their executor would', () => {
    const bed = new Bed()
    const run = (n: number, behaviour: Behaviour): AgentEffect => ({
      do: 'run',
      attempt: attempt(n),
      task: `t${n}`,
      spec: spec(behaviour),
    })
    bed.do(
      run(1, { ms: 50, ends: 'succeeds' }),
      run(2, { ms: 50, ends: 'fails' }),
      run(3, { ms: 0, ends: 'hangs' }),
      run(4, { ms: 0, ends: 'hangs', ignoresTerm: true }),
      run(5, { ms: 0, ends: 'hangs', missing: true }),
    )
    bed.world.runFor(1000)
    bed.do(
      { do: 'kill', attempt: attempt(3), graceMs: 500 },
      { do: 'kill', attempt: attempt(4), graceMs: 500 },
      { do: 'kill', attempt: attempt(9), graceMs: 500 },
    )
    bed.world.runFor(400)
    const ends = (): string[] =>
      bed.puppet
        .inputs('ended')
        .map((input) => {
          const { attempt, end } = input as Extract<AgentInput, { in: 'ended' }>
          return `${attempt.n} ${end.outcome} ${end.error?.code ?? ''} ${end.result?.signal ?? ''}`.trim()
        })
        .sort()
    const first = ['1 succeeded', '2 failed E_EXIT', '3 failed E_SIGNAL SIGTERM', '5 failed E_NOT_FOUND']
    expect(ends()).toEqual([...first, '9 failed E_SIGNAL'])
    bed.world.runFor(400)
    expect(ends()).toEqual([...first, '4 failed E_SIGNAL SIGKILL', '9 failed E_SIGNAL'].sort())
    expect(bed.puppet.inputs('started').length).toBe(4)
    expect(bed.node.executor.processes.size).toBe(0)
  })

  it('lets a task publish how far it is, evenly and when it is told to end, and do only the rest of it', () => {
    const bed = new Bed()
    const said = () =>
      bed.puppet
        .inputs('checkpoint')
        .map((input) => Number((input as Extract<AgentInput, { in: 'checkpoint' }>).value))
    const behaviour: Behaviour = { ms: 4_000, ends: 'succeeds', checkpoints: 3 }
    const run = (n: number, value?: string): AgentEffect => ({
      do: 'run',
      attempt: attempt(n),
      task: 't',
      spec: spec(behaviour),
      ...(value === undefined ? {} : { checkpoint: { attempt: attempt(1), seq: 1, value } }),
    })
    bed.do(run(1))
    bed.world.runFor(1_500)
    expect(said()).toEqual([expect.closeTo(1_000, 1)])
    bed.do({ do: 'kill', attempt: attempt(1), graceMs: 500 })
    bed.world.runFor(100)
    const reached = said()[1] as number
    expect(reached).toBeGreaterThan(1_400)
    expect(reached).toBeLessThan(1_600)
    bed.do(run(2, String(reached)))
    bed.world.runFor(4_000 - reached)
    expect(said().slice(2)).toEqual([expect.closeTo(2_000, 1), expect.closeTo(3_000, 1)])
    expect(bed.puppet.inputs('ended').length).toBe(1)
    bed.world.runFor(100)
    expect(bed.puppet.inputs('ended').length).toBe(2)
    // One that takes no time has nothing to publish.
    bed.do({ do: 'run', attempt: attempt(3), task: 't', spec: spec({ ...behaviour, ms: 0 }) })
    bed.world.runFor(100)
    expect(bed.puppet.inputs('ended').length).toBe(3)
    expect(said().length).toBe(4)
  })

  it('leaves what a killed agent ran running until the next start reaps it', () => {
    const bed = new Bed()
    bed.do({ do: 'run', attempt: attempt(1), task: 't', spec: spec({ ms: 0, ends: 'hangs' }) })
    bed.node.crash()
    expect(bed.node.executor.processes.size).toBe(1)
    bed.node.start()
    const entry = { attempt: attempt(1), task: 't', spec: spec({ ms: 0, ends: 'hangs' }) }
    bed.do({ do: 'reap', entries: [entry] })
    expect(bed.node.executor.processes.size).toBe(0)
    expect(bed.puppet.inputs('ended')).toEqual([])
  })

  it('delivers the very object that was published, frozen, so that nobody can change what was sent', () => {
    const bed = new Bed()
    bed.connect()
    const body = { agent: 'd0', nonce: 'n' }
    const topic = 'covey/v1/m/coordinator/death'
    bed.do({ do: 'subscribe', link: 'device', to: [{ topic, qos: 1 }], token: 4 })
    bed.world.runFor(50)
    bed.do({
      do: 'publish',
      link: 'device',
      message: { route: 'death', topic, body, qos: 1, retain: false },
      token: 5,
    })
    bed.world.runFor(50)
    const messages = bed.puppet.inputs('message') as Extract<AgentInput, { in: 'message' }>[]
    expect(messages.map((input) => input.message)).toEqual([
      { route: 'death', id: '', retained: false, body },
    ])
    expect(messages.map((input) => 'body' in input.message && input.message.body === body)).toEqual([true])
    expect(Object.isFrozen(body)).toBe(true)
    expect(bed.puppet.inputs('subscribed')).toEqual([{ in: 'subscribed', link: 'device', token: 4 }])
    expect(bed.puppet.inputs('acked')).toEqual([{ in: 'acked', link: 'device', token: 5 }])
  })

  it('tells of no closed connection that the core itself closed or replaced', () => {
    const bed = new Bed()
    bed.connect()
    bed.connect()
    bed.do({ do: 'disconnect', link: 'device', will: true })
    bed.world.runFor(10_000)
    expect(bed.puppet.inputs('link-up').length).toBe(2)
    expect(bed.puppet.inputs('link-down')).toEqual([])
    expect(bed.world.broker.connectionCount).toBe(0)
  })
})
