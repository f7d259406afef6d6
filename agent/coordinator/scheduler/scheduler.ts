/**
 * The scheduler: which waiting task goes to which device next. It decides and explains; it changes nothing but
 * its own queues.
 *
 *   waiting tasks by shape → the first by priority, deadline, chain and age → devices that could take the shape
 *     → open and with room now → score → choose → reserve (the coordinator does) → explain
 *
 * An index finds the best of them without looking at them all (best-index.ts). A shape that finds no room is blocked
 * until a device changes that could help, so a full fleet costs nothing while it stays full.
 */
import { gpuMilliOf } from '../../../shared/model/gpus.ts'
import { Network } from '../../../shared/model/network.ts'
import type { Now } from '../../../shared/ports.ts'
import { Random } from '../../../shared/random/random.ts'
import type { Objective } from '../../planning/problem.ts'
import type { DeviceRecord } from '../device-record.ts'
import { type Kin, Kinship } from '../kinship.ts'
import type { TaskRecord } from '../task-record.ts'
import { Tenants } from '../tenants.ts'
import { pictured } from './batch.ts'
import { Batches, GATHER_MS } from './batches.ts'
import type { Decision } from './decision.ts'
import { Destinations } from './destinations.ts'
import type { Eligible } from './eligible.ts'
import { type Explanation, explainPlacement, explainScores } from './explain.ts'
import { FleetTable } from './fleet-table.ts'
import type { Needs } from './needs.ts'
import { comesFirst, isAsUrgent, type Waiting } from './queue.ts'
import type { Candidate, Ranking } from './ranking.ts'
import { Replaying } from './replaying.ts'
import { hasRoom } from './score.ts'
import { Search } from './search.ts'
import { mayFindRoom, Shape } from './shape.ts'
import { Shapes } from './shapes.ts'
import { type Defaults, STRATEGY } from './strategies.ts'
import { Turns } from './turns.ts'
import { WhyWaiting } from './why-waiting.ts'

/** Tasks of one shape that a burst sends to one device at a time, so that they travel in one message. */
const RUN_MAX = 16
/** Elements of one array that are: they share a spec, so that more of them fit a message. */
const ELEMENTS_RUN_MAX = 64
/** Shapes without waiting tasks are kept for their filters up to this number. */
const SHAPES_MAX = 1_000
/** Looks at devices for waiting shapes that are explained again at a time; the others come next time. */
const EXPLAIN_LOOKS_MAX = 1_000_000
/** Looks at kinds of waiting tasks in a run, before messages get their turn. */
const LOOKS_MAX = 1_000_000
/** What a kind that finds no room counts for: the search and the explanation take about as long as so many looks. */
const LOOKS_IN_VAIN = 500
/** Closed devices that are looked at in a run, whether they have opened with nobody telling. */
const REOPEN_LOOKS_MAX = 16

export class Scheduler {
  readonly defaults: Defaults = { strategy: STRATEGY.greedy, objective: 'peak', network: new Network() }
  readonly #shapes = new Shapes((needs) => this.#newShape(needs))
  /** Those of them that have waiting tasks: many shapes are known, and few of them wait. */
  readonly #waitingShapes = new Set<Shape>()
  /** Those of them that found no room. */
  readonly #blocked = new Set<Shape>()
  /** Where tasks stand that mean something to others. */
  readonly kinship = new Kinship()
  readonly #why: WhyWaiting
  #waiting = 0
  readonly #table = new FleetTable()
  readonly tenants: Tenants
  readonly destinations = new Destinations(this.#table)
  readonly #replaying: Replaying
  readonly #search: Search
  /** Somebody holds auctions; otherwise what goes by auction is placed by its score. */
  auctions = false
  readonly #turns: Turns
  readonly #batches: Batches

  /**
   * @param random the only source of chance, for strategies that take chances
   * @param gatherMs how long tasks wait for others that could be planned with them
   */
  constructor(tenants = new Tenants(), random = new Random('scheduler'), gatherMs = GATHER_MS) {
    this.tenants = tenants
    this.#why = new WhyWaiting(this.#table, tenants)
    this.#replaying = new Replaying(random)
    this.#search = new Search(this.#replaying, this.destinations)
    this.#turns = new Turns(this.#waitingShapes, tenants, this.#isReady.bind(this))
    const queues = {
      table: this.#table,
      tenants,
      shapes: this.#waitingShapes,
      destinations: this.destinations,
      ready: this.#isReady.bind(this),
      precedes: this.#turns.precedes.bind(this.#turns),
    }
    this.#batches = new Batches(queues, this.#take.bind(this), random, gatherMs)
    this.kinship.changed = (kin, by) => this.#kinChanged(kin, by)
  }

  /** Other settings: what goes by for tasks that say nothing of it, and how far it is between sites. */
  configure(next: Defaults): void {
    const { defaults } = this
    const nearer = next.network.key !== defaults.network.key || next.objective !== defaults.objective
    Object.assign(defaults, next)
    for (const shape of this.#waitingShapes) if (shape.strategy.byBids !== true) shape.bids = undefined
    if (!nearer) return
    for (const { byLabels, tiers } of this.#shapes) if (byLabels?.locality !== undefined) tiers.resort()
  }

  /** Tasks that wait for a device. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * @param rank tasks in the longest chain that waits for it
   * @returns why the task will wait, when that is known already
   */
  enqueue(task: TaskRecord, rank = 0): Explanation | undefined {
    if (task.queued !== undefined) return undefined
    const shape = this.#shapes.of(task)
    this.#waiting++
    this.#turns.disturbed()
    shape.waiting.add(task, rank)
    if (shape.waiting.size === 1) this.#waitingShapes.add(shape)
    this.#replaying.asked(shape, task)
    // Room that is kept from the others need not be kept from this one.
    if (shape.blocked && task.queued === shape.waiting.first()) shape.hinted = true
    return shape.blocked ? shape.explanation : this.#batches.joined(shape)
  }

  /** A longer chain waits for the task than before; where it does not wait itself, nothing happens. */
  raise(task: TaskRecord, rank: number): void {
    this.#turns.disturbed()
    task.queued?.queue.add(task, rank)
  }

  /** Takes a task out of the queue; where it does not wait, nothing happens. */
  remove(task: TaskRecord): void {
    const shape = task.queued?.queue.shape
    if (shape === undefined || !shape.waiting.remove(task)) return
    this.#waiting--
    if (shape.waiting.size > 0) return
    shape.blocked = shape.overQuota = false
    this.#blocked.delete(shape)
    shape.bids = undefined
    this.#waitingShapes.delete(shape)
  }

  #newShape(needs: Needs): Shape {
    if (this.#shapes.size >= SHAPES_MAX) this.#dropIdleShape()
    const shape = new Shape(needs, this.#table, this.kinship, this.defaults)
    this.#table.devices.forEach((device, slot) => {
      if (device !== undefined) shape.admit(device, slot)
    })
    return shape
  }

  #dropIdleShape(): void {
    for (const shape of this.#shapes) {
      if (shape.waiting.size > 0) continue
      this.#shapes.delete(shape)
      return
    }
  }

  /** A device is new, or its capacity, labels or executors changed. */
  deviceChanged(device: DeviceRecord): void {
    const slot = this.#table.join(device)
    this.tenants.capacity(device.id, device.capacity)
    for (const shape of this.#shapes) shape.admit(device, slot)
    this.kinship.relabelled()
    for (const shape of this.#waitingShapes) if (shape.relations !== undefined) shape.relations.changed = true
    this.deviceFreed(device)
  }

  /** Something that means something to others was placed (1) or went (-1). */
  #kinChanged(kin: Kin, by: 1 | -1): void {
    for (const { relations } of this.#waitingShapes) {
      if (relations?.helpedBy(kin, by) !== true) continue
      relations.changed = true
      this.#turns.disturbed()
    }
  }

  /** A device has room that it had not, or is open again. */
  deviceFreed(device: DeviceRecord): void {
    const slot = this.#table.slotOf(device)
    if (slot === undefined) return
    this.#table.changed(slot)
    this.#turns.disturbed()
    // What leaves a device leaves its tenant's quota too, also for what could never go there.
    this.quotasChanged()
    for (const shape of this.#blocked) {
      if (!shape.overQuota && !shape.hinted) shape.hinted = shape.tiers.mayTake(slot)
    }
  }

  /** Quotas, or what is reserved of them, may be others: what had none left may look for room again. */
  quotasChanged(): void {
    for (const shape of this.#blocked) {
      if (!shape.overQuota || this.tenants.excess(shape.tenant, shape.resources) !== undefined) continue
      shape.overQuota = shape.blocked = false
      this.#blocked.delete(shape)
      this.#turns.disturbed()
    }
  }

  /** A device has measured its load anew. */
  deviceMeasured(device: DeviceRecord): void {
    const slot = this.#table.slotOf(device)
    if (slot !== undefined) this.#table.measured(slot)
  }

  deviceGone(device: DeviceRecord): void {
    const slot = this.#table.leave(device)
    if (slot === undefined) return
    this.tenants.capacity(device.id, undefined)
    for (const shape of this.#shapes) shape.dismiss(slot)
  }

  /**
   * Decides for as many waiting tasks as there is room for, at most `max`. `reserve` is called for each decision
   * before the next is made. `waits` is called once for each shape that newly finds no room.
   *
   * @returns in how many milliseconds there is more to decide; `undefined` when nothing is left that finds room
   */
  run(
    now: Now,
    max: number,
    reserve: (decision: Decision) => void,
    waits: (tasks: readonly TaskRecord[], explanation: Explanation) => void,
  ): number | undefined {
    this.#batches.begin(now)
    for (const device of this.#table.reopened(now, REOPEN_LOOKS_MAX)) this.deviceFreed(device)
    this.#turns.begin()
    for (let decided = 0; decided < max && this.#turns.looks < LOOKS_MAX; ) {
      const shape = this.#turns.next(this.auctions)
      if (shape === undefined) return undefined
      if (this.#batches.has(shape)) {
        const turn = this.#batches.turn(shape, now, max - decided, reserve)
        if ('pauseMs' in turn) return turn.pauseMs
        decided += turn.placed
        this.#turns.disturbed()
        continue
      }
      shape.overQuota = this.tenants.excess(shape.tenant, shape.resources) !== undefined
      const found = shape.overQuota ? undefined : this.#search.for(shape, now)
      if (found === undefined) {
        const news = !shape.blocked
        this.#turns.looks += LOOKS_IN_VAIN
        shape.blocked = true
        this.#blocked.add(shape)
        if (shape.relations !== undefined) shape.relations.changed = false
        shape.hinted = false
        shape.bids = undefined
        if (news) waits(shape.waiting.tasks(), this.#why.of(shape, now))
        continue
      }
      decided += this.#place(shape, found, max - decided, reserve)
    }
    return 0
  }

  /** Whether the shape's next task may be placed now, if there is room. */
  #isReady(shape: Shape): boolean {
    return mayFindRoom(shape) && !this.awaitsBids(shape)
  }

  /** Whether devices are to be asked before its next task is placed, which may be now if there is room. */
  awaitsBids(shape: Shape): boolean {
    if (!this.auctions || shape.strategy.byBids !== true || shape.bids !== undefined) return false
    return mayFindRoom(shape) && this.tenants.excess(shape.tenant, shape.resources) === undefined
  }

  /** Shapes of which devices are to be asked, in the order of their first tasks. */
  awaitingBids(): Shape[] {
    const first = (shape: Shape) => shape.waiting.first() as Waiting
    return [...this.#waitingShapes]
      .filter((shape) => this.awaitsBids(shape))
      .sort((a, b) => (this.#turns.precedes(a, first(a), b, first(b)) ? -1 : 1))
  }

  /** Tasks over the devices named and those that suit the objective most, `max` in all, as planners see them. */
  picture(tasks: TaskRecord[], devices: DeviceRecord[], max: number, now: Now, objective: Objective) {
    const units = tasks.map((task) => ({ shape: this.#shapes.of(task), task }))
    return pictured(units, devices, max, this.#table, now, objective)
  }

  /** Sends the shape's first task to the device, and in a burst some more of its kind. */
  #place(shape: Shape, ranking: Ranking, max: number, reserve: (decision: Decision) => void): number {
    const { device } = ranking.best[0] as Candidate
    const first = shape.waiting.first()?.task
    const array = first?.array
    const waiting = shape.waiting.size + (array?.waiting ?? 0)
    const burst = Math.ceil(waiting / Math.max(1, 2 * shape.eligible.length))
    const { judged = false } = shape.strategy
    const alone = this.#turns.contended || judged || shape.relations?.oneByOne === true
    const runMax = alone ? 1 : array === undefined ? RUN_MAX : ELEMENTS_RUN_MAX
    const length = Math.min(runMax, burst, max, ranking.runMax)
    const scores = explainScores(shape, ranking) + this.#batches.whyAlone(shape)
    let last: TaskRecord | undefined
    let placed = 0
    while (placed < length && (placed === 0 || hasRoom(device, shape.resources))) {
      const task = shape.waiting.first()?.task
      if (task === undefined || device.isKeptFrom(task)) break
      // What is behind the first by priority or deadline may be behind another kind, too.
      if (placed > 0 && !isAsUrgent(task, first)) break
      if (placed > 0 && this.tenants.excess(shape.tenant, shape.resources) !== undefined) break
      const unit = this.#take(task)
      if (unit === undefined) break
      const own = judged ? this.#replaying.gpusOn(device, shape.resources) : undefined
      const gpus = own ?? device.gpus.choose(gpuMilliOf(shape.resources)) ?? []
      const explanation = explainPlacement(shape, ranking, gpus, scores, placed)
      const of = unit.element?.of
      const follows = of !== undefined && of === last
      reserve({ task: unit, device, gpus, explanation, candidates: ranking.best, follows })
      last = of
      placed++
    }
    this.#table.refresh(this.#table.slotOf(device) ?? 0)
    shape.bids?.won(device, placed)
    // What nobody bids on is placed by the score, and then it may be more than was left of them.
    if (shape.bids !== undefined && shape.bids.left <= 0) shape.bids = undefined
    return placed
  }

  /** Takes what the shape's first task stands for: itself, or of an array the next element that waits. */
  #take(task: TaskRecord): TaskRecord | undefined {
    const { array } = task
    const unit = array === undefined ? task : array.waiting === 0 ? undefined : array.draw(task)
    if (array === undefined || array.waiting === 0) this.remove(task)
    return unit
  }

  /** Whether the device is the place for the task as other tasks stand. */
  agrees(task: TaskRecord, device: DeviceRecord): boolean {
    return this.#shapes.of(task).relations?.against(device) === undefined
  }

  /** Of each kind of task that has found no room the one to be placed first; those first that come first in order. */
  stuck(): TaskRecord[] {
    const firsts: Waiting[] = []
    for (const shape of this.#waitingShapes) {
      const first = mayFindRoom(shape) || shape.overQuota ? undefined : shape.waiting.first()
      if (first !== undefined) firsts.push(first)
    }
    return firsts.sort((a, b) => (comesFirst(a, b) ? -1 : 1)).map(({ task }) => task)
  }

  /** Whether something waits that a device could take if it were empty, as far as quotas allow it. */
  get hopeful(): boolean {
    for (const shape of this.#waitingShapes) if (!shape.overQuota && shape.eligible.length > 0) return true
    return false
  }

  /** Devices that could take the task if they were empty. The same object for all tasks of its kind. */
  able(task: TaskRecord): Eligible {
    return this.#shapes.of(task).eligible
  }

  /** Whether something waits that the device could take if it were empty. */
  wants(device: DeviceRecord): boolean {
    const slot = this.#table.slotOf(device)
    if (slot === undefined) return false
    for (const shape of this.#waitingShapes) if (shape.eligible.has(slot)) return true
    return false
  }

  /**
   * Shapes that wait for room, explained as of now; of very many in a large fleet those whose explanation is oldest,
   * and the others as they were explained last.
   */
  *blocked(now: Now): IterableIterator<{ tasks: Iterable<TaskRecord>; explanation: Explanation }> {
    const shapes = [...this.#blocked]
    shapes.sort((a, b) => a.explainedMs - b.explainedMs)
    let looks = 0
    for (const shape of shapes) {
      const known = looks < EXPLAIN_LOOKS_MAX ? undefined : shape.explanation
      looks += this.#table.size
      yield { tasks: shape.waiting.tasks(), explanation: known ?? this.#why.of(shape, now) }
    }
  }
}
