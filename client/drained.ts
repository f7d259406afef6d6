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
  try {
    for await (const device of devices) {
      const emptying = left.get(device.id)
      if (emptying === undefined || !hear(emptying, device, options)) continue
      const statuses = await abortable(mesh.tasks(), limit.signal)
      if (statuses.some((status) => !isTerminal(status.state) && status.device === device.id)) {
        emptying.empty = 0
        continue
      }
      left.delete(device.id)
      options.onHeld?.(device.id, 0)
      if (left.size === 0) return
    }
    limit.signal.throwIfAborted()
    throw new CoveyError('E_WAIT_TIMEOUT', 'the client was closed')
  } finally {
    devices.end()
    limit.done()
  }
}

/** True when the device seems to be empty. */
function hear(emptying: Emptying, { id, state, load }: Device, { onHeld }: DrainedOptions): boolean {
  emptying.online = state?.online === true
  if (load === undefined || nameOf(load) === emptying.heartbeat) return false
  emptying.heartbeat = nameOf(load)
  const held = countOf(load.heldDigest)
  if (held !== emptying.held && held !== undefined && held > 0) onHeld?.(id, held)
  emptying.held = held
  emptying.empty = held === 0 ? emptying.empty + 1 : 0
  return emptying.empty >= EMPTY_HEARTBEATS
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
