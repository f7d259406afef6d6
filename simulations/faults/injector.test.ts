import { describe, expect, it } from 'vitest'
import { Agent } from '../../agent/core/agent.ts'
import type { DeviceLoad, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Packet } from '../broker/packet.ts'
import { VARIANTS, type VariantName } from '../broker/variants.ts'
import { type Behaviour, runOf } from '../node/behaviour.ts'
import type { SimNode } from '../node/node.ts'
import type { Action } from '../submitter.ts'
import { plainDevices } from '../testing/plain-devices.ts'
import { World } from '../world.ts'
import { Injector } from './injector.ts'
import type { Moment } from './moments.ts'
import { FAULT_WEIGHTS, type FaultKind } from './plan.ts'

const AT_MS = 5_000
const FOR_MS = 4_000
const DEVICES = ['a', 'b', 'c']

/** Three devices with the real agent, and one fault from the fifth to the ninth second. */
class Bed {
  readonly world: World
  readonly injector: Injector
  readonly accepted: Packet[] = []
  /** When devices crashed, by what was accepted until then. */
  readonly crashes: number[] = []

  constructor(
    kind: FaultKind,
    options: { variant?: VariantName; size?: number; upon?: Moment; tasks?: readonly Behaviour[] } = {},
  ) {
    const { variant = 'covey', size = 0.4, upon, tasks = [] } = options
    const actions = tasks.map((behaviour, n): Action => {
      return { atMs: AT_MS, do: 'submit', task: `t${n}`, spec: { run: runOf(behaviour), timeout: '60s' } }
    })
    this.world = new World({
      seed: `faults ${kind}`,
      mesh: 'm',
      variant: VARIANTS[variant],
      core: (agent) => new Agent(agent),
      devices: plainDevices(DEVICES),
      actions: [actions],
      observe: () => [
        {
          accepted: (packet) => this.accepted.push(packet),
          node: (_, event) => {
            if (event === 'crash') this.crashes.push(this.accepted.length)
          },
        },
      ],
    })
    const targets = kind.endsWith('-holder') || kind.startsWith('broker-') ? [] : DEVICES
    this.injector = new Injector(this.world, [
      {
        id: 0,
        kind,
        atMs: AT_MS,
        durationMs: FOR_MS,
        targets,
        size,
        ...(upon === undefined ? {} : { upon }),
      },
    ])
  }

  /** Runs to a share of the fault's time. */
  to(share: number): this {
    this.world.runFor(AT_MS + share * FOR_MS - this.world.engine.nowMs)
    return this
  }

  /** Of all devices. */
  count(is: (node: SimNode) => boolean): number {
    return this.world.nodes.filter(is).length
  }
}

const cutOff = ({ link }: SimNode): boolean => link.upBlocks > 0 && link.downBlocks > 0

describe('a fault', () => {
  it.each(Object.keys(FAULT_WEIGHTS) as FaultKind[])('%s leaves nothing behind when it ends', (kind) => {
    const bed = new Bed(kind, { tasks: [{ ms: 500, ends: 'succeeds' }] })
    bed.to(0.9)
    expect(bed.injector.begun).toEqual({ [kind]: 1 })
    bed.to(1.1).injector.heal()
    bed.world.runFor(30_000)
    const { broker, nodes, holder } = bed.world
    expect([broker.up, holder !== undefined, bed.count(({ running }) => running)]).toEqual([true, true, 3])
    for (const { link, disk, executor, ...node } of nodes) {
      expect(link).toMatchObject({ upBlocks: 0, downBlocks: 0, hostSilent: false })
      const left = [link.slowMs, link.unevenMs, link.repeatShare, link.lossShare, disk.slowMs, disk.fullCount]
      expect([...left, node.stepMs, executor.busy, executor.slowness - 1]).toEqual(
        left.map(() => 0).concat(0, 0, 0),
      )
    }
  })

  it.each(['crash-loop', 'swizzle', 'reboot-offline', 'broker-upgrade'] as const)(
    '%s is undone when all is healed in its midst',
    (kind) => {
      for (const share of [0.05, 0.35, 0.5, 0.7]) {
        const bed = new Bed(kind, { variant: 'nats-cluster' })
        bed.to(share).injector.heal()
        bed.world.runFor(30_000)
        expect(bed.count((node) => node.running && !cutOff(node))).toBe(3)
        expect(bed.world.holder).toBeDefined()
      }
    },
  )

  it('crash-loop kills an agent more than once', () => {
    expect(new Bed('crash-loop').to(1.1).count(({ boots }) => boots > 2)).toBe(3)
  })

  it('reboot-offline boots a device before its link is back', () => {
    const bed = new Bed('reboot-offline')
    expect(bed.to(0.2).count((node) => cutOff(node) && node.running)).toBe(3)
    expect(bed.to(0.45).count((node) => cutOff(node) && !node.running)).toBe(3)
    expect(bed.to(0.9).count((node) => cutOff(node) && node.running && node.boots === 2)).toBe(3)
    expect(bed.to(1.1).count(cutOff)).toBe(0)
  })

  it('swizzle clogs links one after another and frees them one after another', () => {
    const bed = new Bed('swizzle')
    const clogged = [0.1, 0.25, 0.45, 0.55, 0.75, 0.9, 1.01].map((share) => bed.to(share).count(cutOff))
    expect(clogged).toEqual([1, 2, 3, 2, 1, 0, 0])
  })

  it('one-way cuts one direction, by its size, of the coordinator too', () => {
    const blocks = (kind: FaultKind, size: number): number[][] =>
      new Bed(kind, { size }).to(0.1).world.nodes.map(({ link }) => [link.upBlocks, link.downBlocks])
    expect(blocks('one-way', 0.1)).toEqual(DEVICES.map(() => [1, 0]))
    expect(blocks('one-way', 0.9)).toEqual(DEVICES.map(() => [0, 1]))
    expect(blocks('one-way-holder', 0.9).filter(([, down]) => down === 1)).toHaveLength(1)
  })

  it.each([
    ['seat-lost-holder', 'seat', 'device'],
    ['copy-lost-holder', 'device', 'seat'],
  ] as const)('%s breaks one connection of two', (kind, lost, stays) => {
    const bed = new Bed(kind).to(0)
    const holder = bed.world.holder as SimNode
    const before = { device: holder.connection('device'), seat: holder.connection('seat') }
    bed.to(0.05)
    expect(holder.connection(lost)).not.toBe(before[lost])
    expect(holder.connection(stays)).toBe(before[stays])
  })

  it('busy shows in what a device measures', () => {
    const cores = (bed: Bed): number | undefined =>
      (bed.accepted.findLast(({ route }) => route === 'load')?.body as DeviceLoad | undefined)?.cpu
    expect(cores(new Bed('busy').to(0))).toBe(0)
    expect(cores(new Bed('busy', { size: 0.75 }).to(0.9))).toBe(1.5)
  })

  it('broker-upgrade loses nothing, and of a cluster never has all servers down', () => {
    const single = new Bed('broker-upgrade', { variant: 'aedes' })
    expect(single.to(0.5).world.broker.up).toBe(false)
    const cluster = new Bed('broker-upgrade', { variant: 'nats-cluster' })
    for (const share of [0.2, 0.5, 0.8]) {
      expect(cluster.to(share).world.broker.up).toBe(true)
      expect(cluster.world.broker.connectionCount).toBeGreaterThan(0)
    }
  })

  it('that waits for a moment strikes when it has come, and not before', () => {
    const tasks = [{ ms: 2_000, ends: 'succeeds' } as const]
    const bed = new Bed('crash-holder', { upon: 'ended', tasks })
    bed.to(0.45)
    expect(bed.injector.begun).toEqual({})
    bed.to(2)
    expect(bed.injector.begun).toEqual({ 'crash-holder': 1 })
    const until = bed.accepted.slice(0, bed.crashes[0])
    const end = until.findIndex(
      ({ route, body }) => route === 'status' && isTerminal((body as TaskStatus).state),
    )
    expect(end).toBeGreaterThan(0)
    expect(until.length - end).toBeLessThan(10)
  })

  it('whose moment does not come does not happen', () => {
    const bed = new Bed('crash-holder', { upon: 'revoked' })
    bed.world.runFor(80_000)
    expect(bed.injector.begun).toEqual({})
    expect(bed.world.broker.tap).toBeUndefined()
  })
})

describe('a task that writes much', () => {
  it('tells of it while it runs, and all of it is in its result', () => {
    const bed = new Bed('clock-jump', { tasks: [{ ms: 1_000, ends: 'succeeds', prints: 20 }] })
    bed.to(1)
    expect(bed.accepted.filter(({ route }) => route === 'log')).toHaveLength(20)
    const end = bed.accepted.find(
      ({ route, body }) => route === 'status' && (body as TaskStatus).state === 'succeeded',
    )
    expect((end?.body as TaskStatus | undefined)?.result?.stdout?.length).toBeGreaterThan(20_000)
  })
})
