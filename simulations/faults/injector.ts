/**
 * Carries out a plan of faults, and heals everything at the end. Faults overlap as they like: a device is up when
 * no fault keeps it down, a link is whole when none cuts it.
 */
import type { Random } from '../../shared/random/random.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'
import type { Target } from '../engine/queue.ts'
import type { SimNode } from '../node/node.ts'
import type { World } from '../world.ts'
import { effectOf } from './effects.ts'
import { isMoment } from './moments.ts'
import { describeFault, type Fault } from './plan.ts'
import type { Strike } from './strike.ts'

const Event = { due: 1, end: 2, later: 3, comeBack: 4, begin: 5 } as const

/** An agent that is asked to stop and does not is killed after this, as its service manager would. */
const STOP_TIMEOUT_MS = 10_000
/** A fault whose moment has not come by then does not happen. */
const WAIT_MS_MAX = 60_000
/** Upon its moment a fault strikes at once, or so much later on average: while the answer is on its way. */
const AFTER_MS_MEANS: readonly number[] = [0, 0.5, 5, 50]

class Active implements Strike {
  readonly fault: Fault
  readonly world: World
  readonly random: Random
  readonly nodes: readonly SimNode[]
  readonly #injector: Injector
  readonly #undo: (() => void)[] = []

  constructor(injector: Injector, fault: Fault, world: World, nodes: readonly SimNode[]) {
    this.#injector = injector
    this.fault = fault
    this.world = world
    this.random = world.engine.random(`fault/${fault.id}`)
    this.nodes = nodes
  }

  readonly undo = (act: () => void): void => {
    this.#undo.push(act)
  }

  later(delayMs: number, act: () => void): void {
    this.world.engine.after(delayMs, this.#injector, Event.later, { fault: this.fault, act })
  }

  down(node: SimNode): void {
    this.#injector.down(node)
  }

  up(node: SimNode): void {
    this.#injector.up(node)
  }

  brokerDown(how: 'crash' | 'wipe' | 'stop'): void {
    this.#injector.brokerDown(how)
  }

  brokerUp(): void {
    this.#injector.brokerUp()
  }

  end(): void {
    for (const act of this.#undo.reverse()) act()
  }
}

export class Injector implements Target {
  readonly serial: number
  /** How many faults have begun, by kind. */
  readonly begun: Record<string, number> = {}
  readonly #world: World
  readonly #active = new Map<number, Active>()
  /** Faults that wait for their moment, and when each began to. */
  readonly #waiting = new Map<Fault, number>()
  readonly #downs = new Map<SimNode, number>()
  #brokerDowns = 0
  #healed = false

  constructor(world: World, plan: readonly Fault[]) {
    this.#world = world
    this.serial = world.engine.serial()
    for (const fault of plan) world.engine.after(fault.atMs, this, Event.due, fault)
  }

  /** Ends every fault now, begins no more, and starts whatever is off. */
  heal(): void {
    this.#healed = true
    this.#waiting.clear()
    this.#listen()
    for (const active of [...this.#active.values()]) this.#end(active)
    for (const node of this.#world.nodes) this.#comeBack(node)
  }

  on(kind: number, arg: unknown): void {
    if (kind === Event.comeBack) this.#comeBack(arg as SimNode)
    else if (kind === Event.due) this.#due(arg as Fault)
    else if (kind === Event.begin) this.#begin(arg as Fault)
    else if (kind === Event.later) {
      const { fault, act } = arg as { fault: Fault; act: () => void }
      if (this.#active.has(fault.id)) act()
    } else {
      const active = this.#active.get((arg as Fault).id)
      if (active !== undefined) this.#end(active)
    }
  }

  #due(fault: Fault): void {
    if (this.#healed) return
    if (fault.upon === undefined) return this.#begin(fault)
    this.#waiting.set(fault, this.#world.engine.nowMs)
    this.#listen()
  }

  /** Hears what the broker accepts, while somebody waits for it. */
  #listen(): void {
    this.#world.broker.tap =
      this.#waiting.size === 0 ? undefined : (packet, from) => this.#accepted(packet, from)
  }

  #accepted(packet: Packet, from: Connection | undefined): void {
    const { engine } = this.#world
    for (const [fault, sinceMs] of this.#waiting) {
      const over = engine.nowMs - sinceMs > WAIT_MS_MAX
      if (!over && (fault.upon === undefined || !isMoment(fault.upon, packet, from))) continue
      this.#waiting.delete(fault)
      if (over) continue
      const random = engine.random(`moment/${fault.id}`)
      engine.after(random.exponential(random.pick(AFTER_MS_MEANS)), this, Event.begin, fault)
    }
    this.#listen()
  }

  #begin(fault: Fault): void {
    if (this.#healed) return
    const { engine } = this.#world
    const active = new Active(this, fault, this.#world, this.#targets(fault))
    this.begun[fault.kind] = (this.begun[fault.kind] ?? 0) + 1
    this.#active.set(fault.id, active)
    if (engine.trace !== undefined) {
      engine.note('fault', describeFault(fault), { nodes: active.nodes.map((node) => node.device) })
    }
    effectOf(fault.kind)(active)
    engine.after(fault.durationMs, this, Event.end, fault)
  }

  #targets(fault: Fault): SimNode[] {
    const { holder } = this.#world
    if (fault.kind.endsWith('-holder')) return holder === undefined ? [] : [holder]
    return fault.targets.map((device) => this.#world.node(device))
  }

  #end(active: Active): void {
    this.#active.delete(active.fault.id)
    this.#world.engine.note('fault', `ends: ${describeFault(active.fault)}`)
    active.end()
  }

  brokerDown(how: 'crash' | 'wipe' | 'stop'): void {
    this.#brokerDowns++
    this.#world.broker.crash(how)
  }

  brokerUp(): void {
    if (--this.#brokerDowns === 0) this.#world.broker.start()
  }

  down(node: SimNode): void {
    this.#downs.set(node, (this.#downs.get(node) ?? 0) + 1)
  }

  up(node: SimNode): void {
    this.#downs.set(node, (this.#downs.get(node) ?? 0) - 1)
    this.#comeBack(node)
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
}
