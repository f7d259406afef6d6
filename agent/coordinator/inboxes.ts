/**
 * Orders for devices, gathered while a tick lasts and sent as one message a device. Numbered from 1 in every
 * reign; a device that was sent something reads all of it or a later message tells it to report everything.
 */
import type { Attempt, Reign } from '../../shared/protocol/attempt.ts'
import type { Assignment, Inbox } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import type { DeviceRecord } from './device-record.ts'

export const INBOX_TIMER = 'coordinator/inbox'

/** A message is closed when it has grown to this; one assignment more may still follow. */
const MESSAGE_BYTES_MAX = 120 * 1024
const ASSIGNMENT_BYTES = 300
const ATTEMPT_BYTES = 80

interface Outbox {
  assign: Assignment[]
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

  /** @returns the number of the inbox message that will carry it, as far as it can be known now */
  assign(device: DeviceRecord, assignment: Assignment): number {
    this.#for(device).assign.push(assignment)
    return device.sentSeq + 1
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
    for (const assignment of outbox.assign) {
      room(ASSIGNMENT_BYTES + 2 * JSON.stringify(assignment.spec).length)
      const placement = device.placement(assignment.attempt)
      // Revoked or lost again before it was sent: then it never goes out.
      if (placement?.phase !== 'assigned') continue
      placement.seq = message.seq
      message.assign.push(assignment)
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
