/**
 * Carries out a plan of faults, and heals everything at the end. Faults overlap as they like: a device is up when
 * no fault keeps it down, a link is whole when none cuts it.
 */
import type { Random } from '../../shared/random/random.ts'
import type { Target } from '../engine/queue.ts'
import type { SimNode } from '../node/node.ts'
import type { World } from '../world.ts'
import { describeFault, type Fault } from './plan.ts'

const Event = { begin: 1, end: 2, again: 3, comeBack: 4 } as const

const FLAP_MS_MIN = 200
const FLAP_MS_MAX = 3_000
const SLOW_LINK_MS_MAX = 400
const SLOW_DISK_MS_MAX = 800
const SLOW_STEP_MS_MAX = 8
const SLOWNESS_MAX = 5
const CLOCK_JUMP_MS_MAX = 3_600_000
/** An agent that is asked to stop and does not is killed after this, as its service manager would. */
const STOP_TIMEOUT_MS = 10_000

/** What a fault did, so that it can be undone. */
interface Active {
  readonly fault: Fault
  readonly random: Random
  readonly nodes: readonly SimNode[]
}

export class Injector implements Target {
  readonly serial: number
  /** How many faults have begun, by kind. */
  readonly begun: Record<string, number> = {}
  readonly #world: World
  readonly #active = new Map<number, Active>()
  readonly #downs = new Map<SimNode, number>()
  #brokerDowns = 0
  #healed = false

  constructor(world: World, plan: readonly Fault[]) {
    this.#world = world
    this.serial = world.engine.serial()
    for (const fault of plan) world.engine.after(fault.atMs, this, Event.begin, fault)
  }

  /** Ends every fault now, begins no more, and starts whatever is off. */
  heal(): void {
    this.#healed = true
    for (const active of [...this.#active.values()]) this.#end(active)
    for (const node of this.#world.nodes) this.#comeBack(node)
  }

  on(kind: number, arg: unknown): void {
    if (kind === Event.comeBack) this.#comeBack(arg as SimNode)
    else if (kind === Event.begin) {
      if (!this.#healed) this.#begin(arg as Fault)
    } else {
      const active = this.#active.get((arg as Fault).id)
      if (active === undefined) return
      if (kind === Event.end) this.#end(active)
      else this.#flap(active)
    }
  }

  #begin(fault: Fault): void {
    const { engine } = this.#world
    const active: Active = {
      fault,
      random: engine.random(`fault/${fault.id}`),
      nodes: this.#targets(fault),
    }
    this.begun[fault.kind] = (this.begun[fault.kind] ?? 0) + 1
    this.#active.set(fault.id, active)
    if (engine.trace !== undefined) {
      engine.note('fault', describeFault(fault), { nodes: active.nodes.map((node) => node.device) })
    }
    if (fault.kind.startsWith('broker-')) this.#breakBroker(fault)
    else for (const node of active.nodes) this.#break(node, active)
    if (fault.kind === 'flap') this.#flapLater(active)
    engine.after(fault.durationMs, this, Event.end, fault)
  }

  #targets(fault: Fault): SimNode[] {
    const { holder } = this.#world
    if (fault.kind.endsWith('-holder')) return holder === undefined ? [] : [holder]
    return fault.targets.map((device) => this.#world.node(device))
  }

  #breakBroker({ kind }: Fault): void {
    const { broker } = this.#world
    if (kind === 'broker-stall') {
      for (const { link } of this.#everybody()) {
        link.block('up')
        link.block('down')
      }
      return
    }
    this.#brokerDowns++
    broker.crash(kind === 'broker-wipe')
  }

  #break(node: SimNode, { fault, random }: Active): void {
    const { size } = fault
    switch (fault.kind) {
      case 'crash':
      case 'crash-holder':
        this.#down(node)
        node.crash()
        break
      case 'power':
      case 'power-holder':
        this.#down(node)
        node.losePower()
        break
      case 'wipe':
        this.#down(node)
        node.losePower()
        node.wipe()
        break
      case 'mass-departure':
        this.#down(node)
        if (random.chance(0.5)) node.losePower()
        else node.crash()
        break
      case 'leave':
        this.#down(node)
        node.stop()
        break
      case 'pause':
      case 'pause-holder':
        node.freeze()
        break
      case 'suspend':
        node.suspend()
        break
      case 'partition':
      case 'partition-holder':
        node.link.block('up')
        node.link.block('down')
        break
      case 'one-way':
        node.link.block(size < 0.5 ? 'up' : 'down')
        break
      case 'half-open':
      case 'half-open-holder':
        node.link.sever()
        break
      case 'slow-link':
        node.link.slowMs += size * SLOW_LINK_MS_MAX
        break
      case 'disk-slow':
        node.disk.slowMs += size * SLOW_DISK_MS_MAX
        break
      case 'disk-full':
        node.disk.fullCount++
        break
      case 'clock-jump':
        node.clock.step((size - 0.5) * 2 * CLOCK_JUMP_MS_MAX)
        break
      case 'slow-device':
        node.stepMs += size * SLOW_STEP_MS_MAX
        node.executor.slowness += size * SLOWNESS_MAX
        break
    }
  }

  #end(active: Active): void {
    const { fault } = active
    this.#active.delete(fault.id)
    this.#world.engine.note('fault', `ends: ${describeFault(fault)}`)
    if (fault.kind === 'broker-stall') {
      for (const { link } of this.#everybody()) {
        link.unblock('up')
        link.unblock('down')
      }
    } else if (fault.kind.startsWith('broker-')) {
      if (--this.#brokerDowns === 0) this.#world.broker.start()
    } else {
      for (const node of active.nodes) this.#mend(node, fault)
    }
  }

  #mend(node: SimNode, { kind, size }: Fault): void {
    switch (kind) {
      case 'crash':
      case 'crash-holder':
      case 'power':
      case 'power-holder':
      case 'wipe':
      case 'mass-departure':
      case 'leave':
        this.#downs.set(node, (this.#downs.get(node) ?? 0) - 1)
        this.#comeBack(node)
        break
      case 'pause':
      case 'pause-holder':
        node.thaw()
        break
      case 'suspend':
        node.wake()
        break
      case 'partition':
      case 'partition-holder':
        node.link.unblock('up')
        node.link.unblock('down')
        break
      case 'one-way':
        node.link.unblock(size < 0.5 ? 'up' : 'down')
        break
      case 'slow-link':
        node.link.slowMs -= size * SLOW_LINK_MS_MAX
        break
      case 'disk-slow':
        node.disk.slowMs -= size * SLOW_DISK_MS_MAX
        break
      case 'disk-full':
        node.disk.fullCount--
        break
      case 'slow-device':
        node.stepMs -= size * SLOW_STEP_MS_MAX
        node.executor.slowness -= size * SLOWNESS_MAX
        break
    }
  }

  #down(node: SimNode): void {
    this.#downs.set(node, (this.#downs.get(node) ?? 0) + 1)
  }

  /** Starts a device that nothing keeps down; one that is still stopping is given time and then killed. */
  #comeBack(node: SimNode): void {
    if ((this.#downs.get(node) ?? 0) > 0) return
    if (!node.running) {
      node.start()
      return
    }
    if (!node.stopping) return
    if (this.#world.engine.nowMs - node.stopAskedMs >= STOP_TIMEOUT_MS) node.crash()
    this.#world.engine.after(100, this, Event.comeBack, node)
  }

  #flapLater(active: Active): void {
    const delayMs = active.random.between(FLAP_MS_MIN, FLAP_MS_MAX)
    this.#world.engine.after(delayMs, this, Event.again, active.fault)
  }

  #flap(active: Active): void {
    for (const node of active.nodes) node.link.reset()
    this.#flapLater(active)
  }

  #everybody(): { readonly link: SimNode['link'] }[] {
    return [...this.#world.nodes, ...this.#world.submitters]
  }
}
