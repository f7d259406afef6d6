/** What each kind of fault does. A kind that ends with `-holder` does the same to who holds the seat. */
import type { Direction, Link } from '../broker/link.ts'
import type { SimNode } from '../node/node.ts'
import { BROKER_EFFECTS } from './broker-effects.ts'
import type { FaultKind } from './plan.ts'
import type { Effect, Strike } from './strike.ts'

const FLAP_MS_MIN = 200
const FLAP_MS_MAX = 3_000
const RESTART_MS_MIN = 50
const RESTART_MS_MAX = 1_000
const SLOW_LINK_MS_MAX = 400
const SLOW_DISK_MS_MAX = 800
const SLOW_STEP_MS_MAX = 8
const SLOWNESS_MAX = 5
const CLOCK_JUMP_MS_MAX = 3_600_000
/** Of a reboot while offline: when the power goes, and when the device boots, as shares of the time. */
const POWER_GOES = 0.3
const POWER_COMES = 0.6

type Base<Kind extends string> = Kind extends `${infer Name}-holder` ? Name : Kind
type Kind = Base<FaultKind>

/** Does the same to every device that is struck. */
const each =
  (act: (node: SimNode, strike: Strike) => void): Effect =>
  (strike) => {
    for (const node of strike.nodes) act(node, strike)
  }

/** Turns the device off until the fault ends. */
const off = (how: (node: SimNode, strike: Strike) => void): Effect =>
  each((node, strike) => {
    strike.down(node)
    strike.undo(() => strike.up(node))
    how(node, strike)
  })

/** Adds to a figure for as long as the fault lasts. */
function add<Name extends string>(of: Record<Name, number>, name: Name, much: number, strike: Strike): void {
  of[name] += much
  strike.undo(() => {
    of[name] -= much
  })
}

/** Blocks a link. @returns how to free it; harmless when called twice */
function block(link: Link, directions: readonly Direction[]): () => void {
  for (const direction of directions) link.block(direction)
  let blocked = true
  return () => {
    if (blocked) for (const direction of directions) link.unblock(direction)
    blocked = false
  }
}

const BOTH: readonly Direction[] = ['up', 'down']

const DEVICE_EFFECTS: Readonly<Record<Exclude<Kind, `broker-${string}`>, Effect>> = {
  crash: off((node) => node.crash()),
  power: off((node) => node.losePower()),
  wipe: off((node) => {
    node.losePower()
    node.wipe()
  }),
  'mass-departure': off((node, { random }) => (random.chance(0.5) ? node.losePower() : node.crash())),
  leave: off((node) => node.stop()),
  'crash-loop': each(crashLoop),
  'reboot-offline': each(rebootOffline),
  pause: each((node, strike) => {
    node.freeze()
    strike.undo(() => node.thaw())
  }),
  suspend: each((node, strike) => {
    node.suspend()
    strike.undo(() => node.wake())
  }),
  partition: each((node, strike) => strike.undo(block(node.link, BOTH))),
  'one-way': each((node, strike) => strike.undo(block(node.link, [strike.fault.size < 0.5 ? 'up' : 'down']))),
  swizzle,
  'half-open': each((node) => node.link.sever()),
  'seat-lost': each((node) => node.connection('seat')?.cut()),
  'copy-lost': each((node) => node.connection('device')?.cut()),
  flap: each(flap),
  'slow-link': each((node, strike) => add(node.link, 'slowMs', strike.fault.size * SLOW_LINK_MS_MAX, strike)),
  'uneven-link': each((node, strike) =>
    add(node.link, 'unevenMs', strike.fault.size * SLOW_LINK_MS_MAX, strike),
  ),
  redelivery: each((node, strike) => add(node.link, 'repeatShare', strike.fault.size, strike)),
  'slow-consumer': each((node, strike) => add(node.link, 'lossShare', strike.fault.size, strike)),
  'disk-slow': each((node, strike) => add(node.disk, 'slowMs', strike.fault.size * SLOW_DISK_MS_MAX, strike)),
  'disk-full': each((node, strike) => add(node.disk, 'fullCount', 1, strike)),
  'clock-jump': each((node, { fault }) => node.clock.step((fault.size - 0.5) * 2 * CLOCK_JUMP_MS_MAX)),
  'slow-device': each((node, strike) => {
    add(node, 'stepMs', strike.fault.size * SLOW_STEP_MS_MAX, strike)
    add(node.executor, 'slowness', strike.fault.size * SLOWNESS_MAX, strike)
  }),
  busy: each((node, strike) => add(node.executor, 'busy', strike.fault.size, strike)),
}

const EFFECTS: Readonly<Record<Kind, Effect>> = { ...DEVICE_EFFECTS, ...BROKER_EFFECTS }

/** What a fault of this kind does. */
export function effectOf(kind: FaultKind): Effect {
  return EFFECTS[kind.replace(/-holder$/, '') as Kind]
}

/** Connections are reset again and again. */
function flap(node: SimNode, strike: Strike): void {
  const again = (): void =>
    strike.later(strike.random.between(FLAP_MS_MIN, FLAP_MS_MAX), () => {
      node.link.reset()
      again()
    })
  again()
}

/** The agent dies, is started again by its service manager, and dies again. */
function crashLoop(node: SimNode, strike: Strike): void {
  let isDown = false
  const rise = (): void => {
    if (isDown) strike.up(node)
    isDown = false
  }
  const fall = (): void => {
    strike.down(node)
    isDown = true
    node.crash()
    strike.later(strike.random.between(RESTART_MS_MIN, RESTART_MS_MAX), () => {
      rise()
      strike.later(strike.random.between(FLAP_MS_MIN, FLAP_MS_MAX), fall)
    })
  }
  strike.undo(rise)
  fall()
}

/** A device that nobody can reach loses its power and boots, before its link is back. */
function rebootOffline(node: SimNode, strike: Strike): void {
  const { durationMs } = strike.fault
  strike.undo(block(node.link, BOTH))
  strike.later(POWER_GOES * durationMs, () => {
    let isDown = true
    const rise = (): void => {
      if (isDown) strike.up(node)
      isDown = false
    }
    strike.down(node)
    node.losePower()
    strike.undo(rise)
    strike.later((POWER_COMES - POWER_GOES) * durationMs, rise)
  })
}

/** Links are clogged one after another in the first half of the time, and freed in another order in the second. */
function swizzle(strike: Strike): void {
  const { fault, random, nodes } = strike
  const stepMs = fault.durationMs / 2 / Math.max(1, nodes.length)
  const free = new Map<SimNode, () => void>()
  strike.undo(() => {
    for (const act of free.values()) act()
  })
  for (const [n, node] of random.shuffle([...nodes]).entries()) {
    strike.later(n * stepMs, () => free.set(node, block(node.link, BOTH)))
  }
  for (const [n, node] of random.shuffle([...nodes]).entries()) {
    strike.later(fault.durationMs / 2 + n * stepMs, () => free.get(node)?.())
  }
}
