/** What an operator does in a scenario: cordons and drains devices, and takes it back. */
import { Random } from '../../shared/random/random.ts'
import type { Target } from '../engine/queue.ts'
import type { World } from '../world.ts'
import { poolOf } from './fault-plan.ts'
import { ms, type Scenario } from './scenario.ts'
import type { Operation } from './schema.ts'

/** One operation, and the devices that it is about. */
export interface Order {
  readonly row: Operation
  readonly devices: readonly string[]
}

/** Chooses the devices of all operations; the same for a seed in virtual time and in real time. */
export function ordersOf(scenario: Scenario, seed: string): Order[] {
  return scenario.operations.map((row, n) => {
    const pool = poolOf(row.targets ?? {}, scenario)
    const { fraction, count, devices, pick } = row.targets ?? {}
    const all = devices !== undefined && count === undefined && fraction === undefined
    const many = all ? pool.length : fraction === undefined ? (count ?? 1) : Math.ceil(fraction * pool.length)
    const random = new Random(`${seed}/operations/${n}`)
    return { row, devices: (pick === 'rolling' ? pool : random.shuffle([...pool])).slice(0, many) }
  })
}

const Event = { ask: 1, takeBack: 2 } as const

export class Operator implements Target {
  readonly serial: number
  readonly #world: World
  readonly #desired = new Map<string, Operation['do']>()

  constructor(world: World, scenario: Scenario, seed: string) {
    this.serial = world.engine.serial()
    this.#world = world
    for (const order of ordersOf(scenario, seed)) {
      const { at, duration } = order.row
      world.engine.after(ms(at, 0), this, Event.ask, order)
      if (duration !== undefined) world.engine.after(ms(at, 0) + ms(duration, 0), this, Event.takeBack, order)
    }
  }

  on(kind: number, arg: unknown): void {
    const { row, devices } = arg as Order
    for (const device of devices) this.#desire(device, kind === Event.ask ? row.do : undefined)
  }

  /** Takes back whatever was asked for. */
  release(): void {
    for (const device of [...this.#desired.keys()]) this.#desire(device, undefined)
  }

  #desire(device: string, wish: Operation['do'] | undefined): void {
    if (this.#desired.get(device) === wish) return
    if (wish === undefined) this.#desired.delete(device)
    else this.#desired.set(device, wish)
    const [operator] = this.#world.submitters
    const desired = wish === undefined ? {} : { [wish]: true }
    operator?.act({ atMs: this.#world.engine.nowMs, do: 'desire', device, desired })
  }
}
