/** All shapes that are known, and the one that a task is of. */
import type { TaskRecord } from '../task-record.ts'
import { alike, hashOf, type Needs, needsOf } from './needs.ts'
import type { Shape } from './shape.ts'

export class Shapes {
  readonly #all = new Set<Shape>()
  /** By the hash of what they need: more than one where hashes are the same by chance. */
  readonly #byHash = new Map<number, Shape[]>()
  readonly #make: (needs: Needs) => Shape

  /** @param make makes the shape of needs that none had */
  constructor(make: (needs: Needs) => Shape) {
    this.#make = make
  }

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): IterableIterator<Shape> {
    return this.#all.values()
  }

  /** The shape of a task. */
  of(task: TaskRecord): Shape {
    const needs = needsOf(task)
    const hash = hashOf(needs)
    const known = this.#byHash.get(hash)
    if (known !== undefined) for (const shape of known) if (alike(needs, shape.needs)) return shape
    const shape = this.#make(needs)
    this.#all.add(shape)
    const others = this.#byHash.get(hash)
    if (others === undefined) this.#byHash.set(hash, [shape])
    else others.push(shape)
    return shape
  }

  delete(shape: Shape): void {
    if (!this.#all.delete(shape)) return
    const hash = hashOf(shape.needs)
    const others = this.#byHash.get(hash)?.filter((one) => one !== shape) ?? []
    if (others.length === 0) this.#byHash.delete(hash)
    else this.#byHash.set(hash, others)
  }
}
