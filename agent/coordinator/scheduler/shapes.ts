/** All shapes that are known, and the one that a task is of. */
import type { TaskRecord } from '../task-record.ts'
import { hashOfNeeds, isNeededBy, type Needs, needsOf } from './needs.ts'
import type { Shape } from './shape.ts'

export class Shapes {
  /** With the hash of what each needs. */
  readonly #hashes = new Map<Shape, number>()
  /** By the hash of what they need: more than one where hashes are the same by chance. */
  readonly #byHash = new Map<number, Shape[]>()
  readonly #make: (needs: Needs) => Shape

  /** @param make makes the shape of needs that none had */
  constructor(make: (needs: Needs) => Shape) {
    this.#make = make
  }

  get size(): number {
    return this.#hashes.size
  }

  [Symbol.iterator](): IterableIterator<Shape> {
    return this.#hashes.keys()
  }

  /** The shape of a task. */
  of(task: TaskRecord): Shape {
    const hash = hashOfNeeds(task)
    const known = this.#byHash.get(hash)
    if (known !== undefined) for (const shape of known) if (isNeededBy(task, shape.needs)) return shape
    const shape = this.#make(needsOf(task))
    this.#hashes.set(shape, hash)
    const others = this.#byHash.get(hash)
    if (others === undefined) this.#byHash.set(hash, [shape])
    else others.push(shape)
    return shape
  }

  delete(shape: Shape): void {
    const hash = this.#hashes.get(shape)
    if (hash === undefined) return
    this.#hashes.delete(shape)
    const others = this.#byHash.get(hash)?.filter((one) => one !== shape) ?? []
    if (others.length === 0) this.#byHash.delete(hash)
    else this.#byHash.set(hash, others)
  }
}
