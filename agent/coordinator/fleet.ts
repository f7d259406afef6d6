/**
 * The fleet: which devices there are, whether they live, and whether what they hold is what was placed there.
 *
 * A death notice gives a device a grace to blink; silence makes it suspect and then lost. Whatever a device
 * says that does not fit is mended by a full report, which is the truth about all it had read when it spoke.
 */
import { attemptKey, compareReigns, type Reign } from '../../shared/protocol/attempt.ts'
import type {
  Desired,
  DeviceLoad,
  DeviceReport,
  DeviceState,
  HeldAttempt,
} from '../../shared/protocol/schemas/index.ts'
import { DeviceRecord, NOTHING_DESIRED } from './device-record.ts'
import { kinOf } from './kinship.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Office, Settings } from './office.ts'

/** Heartbeats of silence after which a device is suspect, and after which it is lost. */
const SUSPECT_HEARTBEATS = 2.5
const LOST_HEARTBEATS = 5
/** Disagreements in a row that ask for a full report: while nothing was under way, and in any case. */
const MISMATCHES_QUIET = 2
const MISMATCHES_ANY = 6
/** Pause between two reads of a device's state, and how many devices' pauses are remembered. */
const READ_AGAIN_HEARTBEATS = 2
const READ_AGAIN_MAX = 10_000
/** Removed devices whose inbox number is remembered. */
const FORGOTTEN_MAX = 10_000

export class Fleet {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #learn: (reign: Reign) => void
  readonly #wish: (id: string) => Desired | undefined
  readonly #readMs = new Map<string, number>()
  /** Last inbox message of devices that were removed: they may come back within the reign. */
  readonly #forgotten = new Map<string, number>()
  /** Results of tasks that are not known yet are left to be sent again while this is true. */
  unknownMayCome = true

  /**
   * @param learn hears of every reign that a device has seen
   * @param wish what the operator wants of a device, known before the device is
   */
  constructor(
    office: Office,
    lifecycle: Lifecycle,
    learn: (reign: Reign) => void,
    wish: (id: string) => Desired | undefined,
  ) {
    this.#office = office
    this.#lifecycle = lifecycle
    this.#learn = learn
    this.#wish = wish
  }

  get #nowMs(): number {
    return this.#office.context.now.monoMs
  }

  /** A device's state: its birth, a change, its death notice. */
  state(id: string, state: DeviceState): void {
    const known = this.#office.devices.get(id)
    if (known === undefined) return this.#meet(id, state)
    // A wiped disk may count anew: then the connection that speaks tells which state is the present one.
    if (state.incarnation < known.state.incarnation && state.nonce !== known.heardNonce) return
    // A death notice of an earlier connection of the same start says nothing about the present one.
    const sameStart = state.incarnation === known.state.incarnation
    if (!state.online && sameStart && known.state.online && state.nonce !== known.state.nonce) return
    if (known.update(state)) this.#office.scheduler.deviceChanged(known)
    if (!state.online) return this.#blink(known)
    if (known.condition !== 'online') this.#return(known)
    known.lastHeardMs = this.#nowMs
    this.#office.freed(known)
  }

  #meet(id: string, state: DeviceState): void {
    const device = new DeviceRecord(id, state, this.#nowMs)
    // The device counts on within the reign, whatever became of its record here.
    device.sentSeq = this.#forgotten.get(id) ?? 0
    this.#forgotten.delete(id)
    device.desired = this.#wish(id) ?? NOTHING_DESIRED
    device.kinship = this.#office.scheduler.kinship
    this.#office.devices.set(id, device)
    this.#office.scheduler.deviceChanged(device)
    if (state.online) this.#office.event('joined', `${id} joined`, { device: id })
    else this.#blink(device)
  }

  #blink(device: DeviceRecord): void {
    if (device.condition === 'lost') return
    device.condition = 'blinking'
    this.#office.due.add(this.#office.settings.lostGraceMs, 'lost', device.id, device.state.nonce)
  }

  #return(device: DeviceRecord): void {
    if (device.condition === 'lost')
      this.#office.event('returned', `${device.id} is back`, { device: device.id })
    // Nothing is known of the time in between.
    if (device.condition === 'lost' && device.hot !== undefined) device.hot.sinceMs = this.#nowMs
    device.condition = 'online'
    device.lastHeardMs = this.#nowMs
  }

  /** The grace of a death notice is over. */
  graceOver(id: string, nonce: string): void {
    const device = this.#office.devices.get(id)
    if (device?.condition === 'blinking' && device.state.nonce === nonce)
      this.lose(device, `${id} went offline`)
  }

  /** Gives a device up: what it had is placed elsewhere. */
  lose(device: DeviceRecord, why: string): void {
    device.condition = 'lost'
    device.reportedNonce = undefined
    device.partial = undefined
    this.#office.event('lost', why, { device: device.id })
    for (const placement of [...device.placements.values()]) {
      if (placement.phase !== 'done') this.#lifecycle.lostWith(device, placement, why)
    }
  }

  /** The device's state was taken away. */
  forget(id: string): void {
    const device = this.#office.devices.get(id)
    if (device === undefined) return
    this.lose(device, `${id} was removed`)
    // What outlives it there is no task's neighbour any more, and its room nobody's.
    for (const placement of [...device.placements.values()]) device.remove(placement)
    this.#office.freed(device)
    this.#office.scheduler.deviceGone(device)
    this.#office.devices.delete(id)
    if (this.#forgotten.size >= FORGOTTEN_MAX) this.#forgotten.clear()
    this.#forgotten.set(id, device.sentSeq)
  }

  desired(id: string, desired: Desired | undefined): void {
    const device = this.#office.devices.get(id)
    if (device === undefined) return
    device.desired = desired ?? NOTHING_DESIRED
    this.#tend(device)
  }

  /** Carries out what the operator wants, and notices when a device is open again; also what was missed before. */
  #tend(device: DeviceRecord): void {
    if (device.desired.drain === true) {
      for (const placement of [...device.placements.values()]) {
        if (placement.phase === 'assigned' || placement.phase === 'held')
          this.#lifecycle.revoke(device, placement)
      }
    }
    const { monoMs, wallMs } = this.#office.context.now
    const open = device.closedReason(monoMs, wallMs) === undefined
    if (open && !device.wasOpen) this.#office.freed(device)
    device.wasOpen = open
  }

  /** A heartbeat. */
  load(id: string, load: DeviceLoad): void {
    this.#learn(load.highestTerm)
    const device = this.#office.devices.get(id)
    if (device !== undefined) device.heardNonce = load.nonce
    if (device === undefined || load.nonce !== device.state.nonce) return this.#readAgain(id)
    this.#heard(device)
    this.measured(device, load)
    if (compareReigns(load.highestTerm, this.#office.reign) !== 0) return
    if (this.#usedBefore(device, load.inboxSeq)) return
    this.#office.leases.heartbeat(device)
    const agrees = device.reported && !this.#lags(device, load) && load.heldDigest === device.digest()
    if (agrees) {
      device.mismatches = 0
      device.mismatchChanges = device.changes
      return
    }
    const quiet = device.mismatchChanges === device.changes
    const count = ++device.mismatches
    device.mismatchChanges = device.changes
    if ((quiet && count >= MISMATCHES_QUIET) || count >= MISMATCHES_ANY) {
      device.mismatches = 0
      device.mismatchChanges = -1
      this.#office.inboxes.askFull(device)
    }
  }

  /** What a device measures; below the high mark again it is looked at for what waits. */
  measured(device: DeviceRecord, load: DeviceLoad): void {
    const before = device.utilization
    if (device.measured(load, this.#office.settings.marks.high, this.#nowMs))
      return this.#office.freed(device)
    // Most devices have nothing to do and find themselves as they were: the scheduler need not look at them again.
    const asBefore = device.utilization === before && device.placements.size === 0
    if (asBefore && device.lookedAt === device.changes) return
    device.lookedAt = device.changes
    this.#office.scheduler.deviceMeasured(device)
  }

  /** The mesh has other settings. */
  configured(settings: Settings): void {
    this.#office.settings = settings
    this.#office.scheduler.quotasChanged()
    this.#office.wake()
    for (const device of this.#office.devices.values()) {
      if (device.judge(settings.marks.high, this.#nowMs)) this.#office.freed(device)
    }
  }

  /**
   * A device speaks on a connection that its known state does not name: that state is stale, so the retained one
   * is read again. The subscription goes when the answer has come.
   */
  #readAgain(id: string): void {
    const lastMs = this.#readMs.get(id)
    if (lastMs !== undefined && this.#nowMs - lastMs < READ_AGAIN_HEARTBEATS * this.#office.heartbeatMs)
      return
    if (this.#readMs.size >= READ_AGAIN_MAX) this.#readMs.clear()
    this.#readMs.set(id, this.#nowMs)
    const { context } = this.#office
    const topic = context.topics.of('state', id)
    context.emit({ do: 'subscribe', link: 'seat', to: [{ topic, qos: 0 }], token: context.token() })
  }

  /** The state that was read again has come. */
  stateRead(id: string): void {
    const { context } = this.#office
    context.emit({ do: 'unsubscribe', link: 'seat', topics: [context.topics.of('state', id)] })
  }

  /**
   * A device has read orders of this reign that this coordinator never sent: the reign's name was used before, by
   * this very agent, and then lost by its disk and the broker. Devices drop what it says now, so it takes another.
   */
  #usedBefore(device: DeviceRecord, inboxSeq: number): boolean {
    if (inboxSeq <= device.sentSeq) return false
    this.#learn({ term: this.#office.reign.term + 1, agent: '' })
    return true
  }

  /** An order that was sent long ago has not been read: it is lost, and so may be a revocation. */
  #lags(device: DeviceRecord, load: DeviceLoad): boolean {
    const ageMs = this.#nowMs - device.sentMs
    return load.inboxSeq < device.sentSeq && ageMs > MISMATCHES_QUIET * this.#office.heartbeatMs
  }

  #heard(device: DeviceRecord): void {
    device.lastHeardMs = this.#nowMs
    if (!device.state.online || device.condition === 'online') return
    const wasLost = device.condition === 'lost'
    this.#return(device)
    if (wasLost) this.#office.inboxes.askFull(device)
    else this.#office.freed(device)
  }

  /** What a device holds, refused and finished. */
  report(id: string, report: DeviceReport): void {
    this.#learn(report.highestTerm)
    const device = this.#office.devices.get(id)
    if (device === undefined || compareReigns(report.highestTerm, this.#office.reign) !== 0) return
    if (report.incarnation < device.state.incarnation) return
    device.heardNonce = report.nonce
    if (report.nonce === device.state.nonce) this.#heard(device)
    else this.#readAgain(id)
    this.#unconfuse(device, report)
    for (const result of report.results) this.#lifecycle.result(device, result, this.unknownMayCome)
    for (const rejected of report.rejected) this.#lifecycle.rejected(device, rejected)
    for (const held of report.held) this.#held(device, held, report.full !== undefined)
    if (report.full !== undefined) this.#full(device, report, report.full)
  }

  /** After a broker lost its store a name may stand for two attempts; what the device holds under it is no other's. */
  #unconfuse(device: DeviceRecord, report: DeviceReport): void {
    for (const { attempt, task } of [...report.held, ...report.results]) {
      const placement = device.placement(attempt)
      if (placement === undefined || placement.task === task) continue
      this.#lifecycle.vanished(device, placement, `${device.id} holds ${task} under the name of its attempt`)
    }
  }

  #held(device: DeviceRecord, held: HeldAttempt, full: boolean): void {
    this.#office.leases.found(held.leaseMs)
    const placement = device.placement(held.attempt)
    const task = this.#office.ledger.find(held.task)
    if (placement === undefined) {
      const ours =
        this.#lifecycle.adoptable(task, held.attempt) || this.#lifecycle.returns(task, held.attempt)
      if (ours && task !== undefined && task.stopping === undefined) {
        task.leaseMs ??= held.leaseMs
        this.#lifecycle.adopt(task, device, held.attempt, held.gpus)
        this.#lifecycle.checkpoint(task, held.attempt, held.checkpoint)
        if (held.phase === 'running') this.#lifecycle.running(task, held.started)
        return
      }
      const resources = task?.demand?.resources ?? {}
      const stray = {
        key: attemptKey(held.attempt),
        attempt: held.attempt,
        task: held.task,
        resources,
        gpus: held.gpus,
        kin: kinOf(task?.spec),
        account: this.#office.tenants.of(task),
        seq: 0,
        leaseMs: held.leaseMs,
        stray: true,
      }
      device.add({ ...stray, phase: 'revoking' })
      this.#office.inboxes.revoke(device, held.attempt)
      return
    }
    if (held.gpus !== undefined && device.holds(placement, held.gpus)) this.#office.freed(device)
    // A revocation that was lost on its way is said again when the device lists everything.
    if (placement.phase === 'revoking' && full && held.phase !== 'ending') {
      this.#office.inboxes.revoke(device, held.attempt)
    }
    if (placement.phase === 'assigned') placement.phase = 'held'
    if (task !== undefined) this.#lifecycle.checkpoint(task, held.attempt, held.checkpoint)
    if (
      task !== undefined &&
      task.current !== undefined &&
      attemptKey(task.current.attempt) === placement.key
    ) {
      if (held.phase === 'running' && placement.phase === 'held') this.#lifecycle.running(task, held.started)
    }
  }

  /** One part of a full report; what is absent counts after the last. */
  #full(device: DeviceRecord, report: DeviceReport, full: NonNullable<DeviceReport['full']>): void {
    let { partial } = device
    if (full.part === 0) partial = { id: full.id, nonce: report.nonce, keys: new Set() }
    if (partial === undefined || partial.id !== full.id || partial.nonce !== report.nonce) return
    device.partial = partial
    for (const { attempt } of [...report.held, ...report.results, ...report.rejected]) {
      partial.keys.add(attemptKey(attempt))
    }
    if (!full.last) return
    device.partial = undefined
    for (const placement of [...device.placements.values()]) {
      if (partial.keys.has(placement.key) || placement.seq > report.inboxSeq) continue
      this.#lifecycle.vanished(device, placement, `${device.id} no longer holds it`)
    }
    device.reportedNonce = report.nonce
    this.#office.freed(device)
  }

  /** Judges silence. `gapMs` is how long the coordinator itself did not run: no device is to blame for that. */
  watch(gapMs: number): void {
    const { heartbeatMs } = this.#office
    for (const device of this.#office.devices.values()) {
      if (gapMs > 0) {
        device.lastHeardMs += gapMs
        if (device.hot !== undefined) device.hot.sinceMs += gapMs
      }
      this.#tend(device)
      if (!device.state.online || device.condition === 'lost' || device.condition === 'blinking') continue
      const silentMs = this.#nowMs - device.lastHeardMs
      if (silentMs > LOST_HEARTBEATS * heartbeatMs) {
        this.lose(device, `${device.id} has been silent for ${Math.round(silentMs)} ms`)
      } else if (silentMs > SUSPECT_HEARTBEATS * heartbeatMs && device.condition === 'online') {
        device.condition = 'suspect'
      }
    }
  }
}
