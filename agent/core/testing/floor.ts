/** A coordinator with several devices that do what they are told, and measure what a test says. */
import type { Attempt } from '../../../shared/protocol/attempt.ts'
import { attemptKey } from '../../../shared/protocol/attempt.ts'
import { setDigest } from '../../../shared/protocol/digest.ts'
import { elementName } from '../../../shared/protocol/ids.ts'
import type {
  Checkpoint,
  Inbox,
  MeshConfig,
  MeshEvent,
  TaskSpec,
  TaskStatus,
} from '../../../shared/protocol/schemas/index.ts'
import { Driver } from './driver.ts'
import { born, elect, join, report, serve } from './office.ts'

interface Hand {
  /** What it measures of its cpu, from 0 to 1; nothing at all when undefined. */
  cpu: number | undefined
  readonly held: Map<string, { attempt: Attempt; task: string; checkpoint?: Checkpoint }>
  inboxSeq: number
  beats: number
}

const CORES = 8

export class Floor {
  readonly driver = new Driver('auto')
  readonly last = new Map<string, TaskStatus>()
  readonly events: MeshEvent[] = []
  /** What was assigned since this was emptied, as `<task> to <device>`. */
  readonly assigned: string[] = []
  /** Attempts that are to end, by task, until the test lets them. */
  readonly revoked = new Map<string, { device: string; attempt: Attempt }>()
  readonly #hands = new Map<string, Hand>()

  /** All of them measure that they are idle. */
  static serving(devices: readonly string[], config: MeshConfig = {}): Floor {
    const floor = new Floor()
    serve(floor.driver)
    floor.configure(config)
    for (const id of devices) floor.join(id)
    floor.seconds(1)
    return floor
  }

  /** Takes office where an earlier coordinator left a task running on a device, which measures while it is awaited. */
  static restored(status: TaskStatus, spec: TaskSpec, device: string, cpu: number): Floor {
    const floor = new Floor()
    const { driver } = floor
    const beacon = elect(driver)
    driver.hear('device', { route: 'spec', id: status.task, body: spec }, true)
    driver.hear('device', { route: 'status', id: status.task, body: status }, true)
    born(driver, device)
    driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
    driver.pass(1_000)
    driver.timer('coordinator/settle')
    const attempt = status.attempt as Attempt
    const held = { attempt, task: status.task }
    floor.#hands.set(device, { cpu, held: new Map([[attemptKey(attempt), held]]), inboxSeq: 0, beats: 0 })
    floor.beat(device)
    report(driver, device, 0, [{ ...held, phase: 'running', started: status.times.started }])
    floor.turn()
    return floor
  }

  /** One more device, which is idle. */
  join(id: string): void {
    join(this.driver, id)
    this.#hands.set(id, { cpu: 0, held: new Map(), inboxSeq: 0, beats: 0 })
  }

  /** The broker tells that the device is gone; nothing more comes of it. */
  dies(id: string): void {
    this.#hands.delete(id)
    born(this.driver, id, { online: false })
  }

  configure(config: MeshConfig): void {
    this.driver.hear('device', { route: 'config', id: '', body: config })
  }

  submit(id: string, spec: unknown): void {
    this.driver.hear('device', { route: 'spec', id, body: spec })
  }

  /** From the next heartbeat on. */
  measures(device: string, cpu: number | undefined): void {
    this.#hand(device).cpu = cpu
  }

  /** Lets time pass: every second all devices send a heartbeat and the coordinator does what is due. */
  seconds(count: number): void {
    for (let second = 0; second < count; second++) {
      this.driver.pass(1_000)
      for (const id of this.#hands.keys()) this.beat(id)
      this.driver.timer('coordinator/tick')
      this.turn()
    }
  }

  beat(device: string): void {
    const hand = this.#hand(device)
    const measured = hand.cpu === undefined ? {} : { cpu: hand.cpu * CORES, cpuTotal: CORES }
    const load = { ...this.#head(device), seq: ++hand.beats, heldDigest: setDigest(hand.held.keys()) }
    this.driver.hear('seat', { route: 'load', id: device, body: { ...load, ...measured } })
  }

  /** Everything is decided, sent, and done by the devices; the broker acknowledges statuses. */
  turn(): void {
    for (const name of ['due', 'run', 'inbox', 'status']) this.driver.timer(`coordinator/${name}`)
    for (const { message, token } of this.driver.take('publish')) {
      if (message.route === 'status' && message.body !== null) {
        this.last.set(message.body.task, message.body)
        if (token !== undefined) this.driver.give({ in: 'acked', link: 'seat', token })
      } else if (message.route === 'inbox')
        this.#read(message.topic.split('/')[4] as string, message.body as Inbox)
      else if (message.route === 'events') this.events.push(message.body as MeshEvent)
    }
  }

  #read(device: string, { seq, term, agent, assign, batches = [], revoke }: Inbox): void {
    const hand = this.#hand(device)
    hand.inboxSeq = seq
    const elements = batches.flatMap(({ task, elements: drawn }) =>
      drawn.map(({ n, element }) => ({ attempt: { term, agent, n }, task: elementName(task, element) })),
    )
    const assigned = [...assign, ...elements]
    for (const { attempt, task } of assigned) {
      hand.held.set(attemptKey(attempt), { attempt, task })
      this.assigned.push(`${task} to ${device}`)
    }
    for (const attempt of revoke) {
      const held = hand.held.get(attemptKey(attempt))
      if (held !== undefined) this.revoked.set(held.task, { device, attempt })
    }
    if (assigned.length > 0) this.#report(device, {})
  }

  /** What runs the task publishes a checkpoint. */
  publishes(task: string, seq: number): void {
    const { device, attempt } = this.#find(task)
    const held = { attempt, task, checkpoint: { attempt, seq, value: seq } }
    this.#hand(device).held.set(attemptKey(attempt), held)
    this.#report(device, {})
    this.turn()
  }

  /** An attempt that was to end is gone, or has ended by itself before. */
  ends(task: string, outcome: 'revoked' | 'succeeded' = 'revoked'): void {
    const { device, attempt } = this.revoked.get(task) ?? this.#find(task)
    this.revoked.delete(task)
    this.#report(device, { results: [{ attempt, task, outcome }] })
    this.#hand(device).held.delete(attemptKey(attempt))
    this.turn()
  }

  #find(task: string): { device: string; attempt: Attempt } {
    for (const [device, { held }] of this.#hands) {
      for (const one of held.values()) if (one.task === task) return { device, attempt: one.attempt }
    }
    throw new Error(`no device holds ${task}`)
  }

  #report(device: string, { results = [] }: { results?: unknown[] }): void {
    const held = [...this.#hand(device).held.values()].map((one) => ({ ...one, phase: 'running' }))
    const body = { ...this.#head(device), held, rejected: [], results }
    this.driver.hear('seat', { route: 'report', id: device, body })
  }

  #head(device: string) {
    const highestTerm = { term: 1, agent: 'pi' }
    return { incarnation: 1, nonce: `${device}-1`, highestTerm, inboxSeq: this.#hand(device).inboxSeq }
  }

  #hand(device: string): Hand {
    const hand = this.#hands.get(device)
    if (hand === undefined) throw new Error(`there is no device ${device}`)
    return hand
  }

  /** Where the task is, as its status says. */
  where(task: string): string | undefined {
    return this.last.get(task)?.device
  }

  moved(): MeshEvent[] {
    return this.events.filter(({ kind }) => kind === 'moved')
  }
}
