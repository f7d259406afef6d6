/** Leaves that a search has looked at, and what their bounds are then. One serves all searches, which come one after another. */

/** Made without growing. */
const VISITS_MIN = 32

export class Visits {
  leaves = new Int32Array(VISITS_MIN)
  bounds = new Float64Array(VISITS_MIN)
  length = 0

  /** @returns where it stands */
  add(leaf: number): number {
    if (this.length === this.leaves.length) {
      const { leaves, bounds } = this
      this.leaves = new Int32Array(2 * leaves.length)
      this.bounds = new Float64Array(2 * bounds.length)
      this.leaves.set(leaves)
      this.bounds.set(bounds)
    }
    this.leaves[this.length] = leaf
    return this.length++
  }
}
