/**
 * Waiting until devices that are drained hold nothing any more. What a device holds it tells in every heartbeat, as a
 * digest that begins with the number of attempts. An order that was on its way when the device was to be drained may
 * arrive after a heartbeat that told of none; so it takes two such heartbeats in a row, and no status that places a
 * task there.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import { countOf } from '../shared/protocol/digest.ts'
import { type DeviceLoad, isTerminal, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import { deadline } from './deadline.ts'
import type { Device } from './device.ts'
import { abortable } from './link.ts'
import type { Watch } from './watch.ts'

/** Tasks end within their grace, of 5 s unless they name a longer one. */
export const DRAIN_TIMEOUT_MS = 600_000
const EMPTY_HEARTBEATS = 2

export interface DrainedOptions {
  /** Default ten minutes. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** How many attempts a device holds, when that has changed; 0 when it is drained. */
  readonly onHeld?: (device: string, held: number) => void
}

interface Mesh {
  readonly watch: Watch
  /** Why there is no connection at the moment. */
  readonly down: string | undefined
  tasks(): Promise<TaskStatus[]>
}

/** What is known of one device that is to become empty. */
interface Emptying {
  online: boolean
  heartbeat: string
  /** As of its last heartbeat; `undefined` before the first. */
  held: number | undefined
  /** Heartbeats in a row that told of nothing. */
  empty: number
}

/**
 * @throws CoveyError E_WAIT_TIMEOUT, which says what each device that is left still holds, or that the connection is lost;
 * E_BROKER_REFUSED
 */
export async function untilDrained(
  mesh: Mesh,
  ids: readonly string[],
  options: DrainedOptions = {},
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? DRAIN_TIMEOUT_MS
  const left = new Map<string, Emptying>()
  for (const id of ids) left.set(id, { online: true, heartbeat: '', held: undefined, empty: 0 })
  if (left.size === 0) return
  const limit = deadline(timeoutMs, () => notInTime(timeoutMs, left, mesh.down), options.signal)
  const devices = mesh.watch.devices({ ids: [...left.keys()], signal: limit.signal })
  let reading = false
  // Beside the heartbeats: those that become empty meanwhile share the next reading.
  const judge = async () => {
    reading = true
    try {
      for (let asked = seemEmpty(left); asked.length > 0; asked = seemEmpty(left)) {
        const busy = devicesOf(await abortable(mesh.tasks(), limit.signal))
        for (const [id, emptying] of asked) {
          if (busy.has(id)) emptying.empty = 0
          if (emptying.empty < EMPTY_HEARTBEATS) continue
          left.delete(id)
          options.onHeld?.(id, 0)
        }
      }
      if (left.size === 0) devices.end()
    } catch (error) {
      devices.end(error)
    } finally {
      reading = false
    }
  }
  try {
    for await (const device of devices) {
      const emptying = left.get(device.id)
      if (emptying === undefined) continue
      hear(emptying, device, options)
      if (emptying.empty >= EMPTY_HEARTBEATS && !reading) void judge()
    }
    if (left.size === 0) return
    limit.signal.throwIfAborted()
    throw new CoveyError('E_WAIT_TIMEOUT', 'the client was closed')
  } finally {
    devices.end()
    limit.done()
  }
}

/** Those that have told of nothing often enough. */
function seemEmpty(left: ReadonlyMap<string, Emptying>): [string, Emptying][] {
  return [...left].filter(([, { empty }]) => empty >= EMPTY_HEARTBEATS)
}

/** Where tasks stand that have not ended. */
function devicesOf(statuses: readonly TaskStatus[]): ReadonlySet<string | undefined> {
  return new Set(statuses.filter(({ state }) => !isTerminal(state)).map(({ device }) => device))
}

/** Takes in what a device says of itself. */
function hear(emptying: Emptying, { id, state, load }: Device, { onHeld }: DrainedOptions): void {
  emptying.online = state?.online === true
  if (load === undefined || nameOf(load) === emptying.heartbeat) return
  emptying.heartbeat = nameOf(load)
  const held = countOf(load.heldDigest)
  if (held !== emptying.held && held !== undefined && held > 0) onHeld?.(id, held)
  emptying.held = held
  emptying.empty = held === 0 ? emptying.empty + 1 : 0
}

const nameOf = ({ nonce, seq }: DeviceLoad): string => `${nonce}/${seq}`

function notInTime(
  timeoutMs: number,
  left: ReadonlyMap<string, Emptying>,
  down: string | undefined,
): CoveyError {
  if (down !== undefined) {
    return new CoveyError(
      'E_WAIT_TIMEOUT',
      `not drained within ${timeoutMs} ms: the connection is lost: ${down}`,
    )
  }
  const each = [...left].map(([id, { online, held, empty }]) => {
    if (!online) return `${id} is offline, and what it runs cannot be seen`
    if (held === undefined) return `${id} sent no heartbeat`
    if (held > 0) return `${id} still holds ${held}`
    return empty === 0 ? `a task still stands on ${id}` : `${id} has just become empty`
  })
  return new CoveyError('E_WAIT_TIMEOUT', `not drained within ${timeoutMs} ms: ${each.join('; ')}`, {
    remedy:
      'They get nothing new until they are uncordoned: wait on with covey drain, or see covey get tasks',
  })
}
