/**
 * Whose turn it is: of the shapes that wait and may find room, the one whose first task comes before all others'.
 *
 * Where the order is that of tasks alone, a heap of the first of each shape tells, which is made anew only when something
 * may have come forward. Where several tenants wait, shares count too, and they change with every placement; where devices
 * are asked for bids, whatever is reserved may decide whether a shape waits for them: then all are looked at.
 */
import { Heap } from '../../../shared/model/heap.ts'
import type { Tenants } from '../tenants.ts'
import { comesFirst, type Waiting } from './queue.ts'
import type { Shape } from './shape.ts'

export class Turns {
  readonly #shapes: ReadonlySet<Shape>
  readonly #tenants: Tenants
  readonly #isReady: (shape: Shape) => boolean
  #heap = new Heap<Waiting>(comesFirst)
  /** Whether the heap has whatever may be next, or all are looked at; unknown since something changed. */
  #by: 'heap' | 'scan' | undefined
  /** Work of several tenants may find room: then one task is placed at a time. */
  contended = false
  /** Shapes that were looked at since `begin`. */
  looks = 0

  /** @param isReady whether a shape's next task may be placed now, if there is room */
  constructor(shapes: ReadonlySet<Shape>, tenants: Tenants, isReady: (shape: Shape) => boolean) {
    this.#shapes = shapes
    this.#tenants = tenants
    this.#isReady = isReady
  }

  /** A run begins; since the last one anything may have changed. */
  begin(): void {
    this.looks = 0
    this.#by = undefined
  }

  /** Something may be ready that was not, or stand further forward. */
  disturbed(): void {
    this.#by = undefined
  }

  /** @param bidding devices may be asked for bids */
  next(bidding: boolean): Shape | undefined {
    this.#by ??= this.#settle(bidding)
    if (this.#by === 'scan') return this.#scan()
    for (let top = this.#heap.peek(); top !== undefined; top = this.#heap.peek()) {
      this.looks++
      const shape = top.queue.shape as Shape
      const first = shape.waiting.first()
      const ready = this.#isReady(shape)
      if (ready && first === top) return shape
      this.#heap.pop()
      if (ready && first !== undefined) this.#heap.push(first)
    }
    return undefined
  }

  /** Fills the heap, unless the order depends on more than the tasks. */
  #settle(bidding: boolean): 'heap' | 'scan' {
    this.contended = false
    this.#heap = new Heap<Waiting>(comesFirst)
    let tenant: string | undefined
    for (const shape of this.#shapes) {
      this.looks++
      if (bidding && shape.strategy.byBids === true) return 'scan'
      if (tenant !== undefined && tenant !== shape.tenant) return 'scan'
      tenant = shape.tenant
      const first = this.#isReady(shape) ? shape.waiting.first() : undefined
      if (first !== undefined) this.#heap.push(first)
    }
    return 'heap'
  }

  #scan(): Shape | undefined {
    let best: Shape | undefined
    let bestFirst: Waiting | undefined
    this.contended = false
    for (const shape of this.#shapes) {
      this.looks++
      if (!this.#isReady(shape)) continue
      const first = shape.waiting.first()
      if (first === undefined) continue
      if (best !== undefined && best.tenant !== shape.tenant) this.contended = true
      if (best === undefined || bestFirst === undefined || this.precedes(shape, first, best, bestFirst)) {
        best = shape
        bestFirst = first
      }
    }
    return best
  }

  /** As `comesFirst`, but among tenants of one priority the one that has the least share goes first. */
  precedes(a: Shape, firstOfA: Waiting, b: Shape, firstOfB: Waiting): boolean {
    if (a.tenant !== b.tenant && a.priority === b.priority) {
      const [shareOfA, shareOfB] = [this.#tenants.share(a.tenant), this.#tenants.share(b.tenant)]
      if (shareOfA !== shareOfB) return shareOfA < shareOfB
    }
    return comesFirst(firstOfA, firstOfB)
  }
}
