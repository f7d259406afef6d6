/**
 * Orders for devices, gathered while a tick lasts and sent as one message a device. Numbered from 1 in every
 * reign; a device that was sent something reads all of it or a later message tells it to report everything.
 */
import type { Attempt, Reign } from '../../shared/protocol/attempt.ts'
import type { Assignment, Batch, Inbox, TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import type { DeviceRecord } from './device-record.ts'
import { streamBytesMax } from './pages.ts'
import type { TaskRecord } from './task-record.ts'

export const INBOX_TIMER = 'coordinator/inbox'

/** A message is closed when it has grown to this; one assignment more may still follow. */
const MESSAGE_BYTES_MAX = 120 * 1024
const ASSIGNMENT_BYTES = 300
const ATTEMPT_BYTES = 80
const ELEMENT_BYTES = 40
const GPU_BYTES = 3

type Element = TaskRecord['element']

interface Outbox {
  assign: { assignment: Assignment; element: Element }[]
  revoke: Attempt[]
  ack: Attempt[]
  full: boolean
  heard: boolean
}

export class Inboxes {
  readonly #context: Context
  readonly #reign: Reign
  readonly #pending = new Map<DeviceRecord, Outbox>()
  #armed = false

  constructor(context: Context, reign: Reign) {
    this.#context = context
    this.#reign = reign
  }

  /** @param element which one it is, of an array: then its input is sent with it, and the spec once for many */
  assign(device: DeviceRecord, assignment: Assignment, element?: Element): void {
    this.#for(device).assign.push({ assignment, element })
  }

  revoke(device: DeviceRecord, attempt: Attempt): void {
    this.#for(device).revoke.push(attempt)
  }

  ack(device: DeviceRecord, attempt: Attempt): void {
    this.#for(device).ack.push(attempt)
  }

  /** Asks the device to list all that it holds. */
  askFull(device: DeviceRecord): void {
    this.#for(device).full = true
  }

  /** Tells the device that its last heartbeat was heard: its leases count from when it sent that. */
  heard(device: DeviceRecord): void {
    this.#for(device).heard = true
  }

  #for(device: DeviceRecord): Outbox {
    let outbox = this.#pending.get(device)
    if (outbox === undefined) {
      outbox = { assign: [], revoke: [], ack: [], full: false, heard: false }
      this.#pending.set(device, outbox)
    }
    if (!this.#armed) {
      this.#armed = true
      this.#context.timer(INBOX_TIMER, 0)
    }
    return outbox
  }

  flush(): void {
    this.#armed = false
    for (const [device, outbox] of this.#pending) this.#send(device, outbox)
    this.#pending.clear()
  }

  #send(device: DeviceRecord, outbox: Outbox): void {
    let message = this.#open(device)
    let bytes = 0
    const room = (need: number) => {
      bytes += need
      if (bytes <= MESSAGE_BYTES_MAX) return
      this.#publish(device, message)
      message = this.#open(device)
      bytes = need
    }
    if (outbox.full) message.full = true
    if (outbox.heard && device.load !== undefined) {
      message.ackSeq = device.load.seq
      message.ackNonce = device.load.nonce
      device.grantedMs = this.#context.now.monoMs
    }
    for (const attempt of outbox.revoke) {
      room(ATTEMPT_BYTES)
      message.revoke.push(attempt)
    }
    for (const attempt of outbox.ack) {
      room(ATTEMPT_BYTES)
      message.ack.push(attempt)
    }
    for (const { assignment, element } of outbox.assign) {
      const placement = device.placement(assignment.attempt)
      // Revoked or lost again before it was sent: then it never goes out.
      if (placement?.phase !== 'assigned') continue
      if (element === undefined) {
        room(specBytes(assignment.spec) + givenBytes(assignment))
        message.assign.push(assignment)
      } else {
        const input = element.of.spec?.array?.[element.index]
        const { spec, checkpoint, gpus } = assignment
        const known = message.batches?.at(-1)?.task === element.of.id
        const own = ELEMENT_BYTES + 2 * JSON.stringify(input).length + givenBytes(assignment)
        room(own + (known ? 0 : specBytes(spec)))
        const batch = batchFor(message, element.of, spec)
        const given = {
          ...(gpus === undefined ? {} : { gpus }),
          ...(checkpoint === undefined ? {} : { checkpoint }),
        }
        batch.elements.push({ n: assignment.attempt.n, element: element.index, input, ...given })
      }
      placement.seq = message.seq
    }
    this.#publish(device, message)
  }

  #open(device: DeviceRecord): Inbox {
    device.sentSeq++
    device.sentMs = this.#context.now.monoMs
    device.changes++
    const { term, agent } = this.#reign
    return { term, agent, seq: device.sentSeq, assign: [], revoke: [], ack: [] }
  }

  #publish(device: DeviceRecord, message: Inbox): void {
    this.#context.publish('seat', 'inbox', device.id, message)
  }
}

/** The message's batch of that array: its last, or a new one. */
function batchFor(message: Inbox, task: TaskRecord, spec: TaskSpec): Batch {
  message.batches ??= []
  const last = message.batches.at(-1)
  if (last?.task === task.id) return last
  const outputBytes = streamBytesMax(task.array?.size ?? 1)
  const batch: Batch = { task: task.id, spec, outputBytes, elements: [] }
  message.batches.push(batch)
  return batch
}

const givenBytes = ({ checkpoint, gpus = [] }: Assignment): number =>
  GPU_BYTES * gpus.length +
  (checkpoint === undefined ? 0 : ATTEMPT_BYTES + 2 * JSON.stringify(checkpoint.value).length)

const specBytes = (spec: TaskSpec): number => ASSIGNMENT_BYTES + 2 * JSON.stringify(spec).length
