/**
 * Who is after whom: the names of predecessors that unfinished tasks carry, and which of them each still waits for.
 * It knows ids and nothing of what they stand for; successors.ts acts on it.
 *
 * A cycle can only be closed by the task that is linked last. The search for it goes from that task both ways at
 * once, a step here and a step there, and is over when either side is: a chain that grows at an end costs one step
 * a task in whatever order it comes, and one that grows together from pieces no more than its shorter piece.
 */

const NOBODY: ReadonlySet<string> = new Set()
/**
 * Longest chain that is told apart from a longer one. What a task adds to the chains before it reaches no further, and
 * each of those is passed at most so often, in whatever order they come.
 */
export const RANK_MAX = 64

export class Dependencies {
  /** By unfinished task: what it is after. */
  readonly #after = new Map<string, readonly string[]>()
  /** By predecessor, known or not: the unfinished tasks that name it. */
  readonly #namedBy = new Map<string, Set<string>>()
  /** Tasks whose predecessors count in the search for cycles; among them there is none. */
  readonly #linked = new Set<string>()
  /** By waiting task: predecessors that have not succeeded yet. */
  readonly #unmet = new Map<string, Set<string>>()
  /** By predecessor: tasks in the longest chain that is after it. */
  readonly #ranks = new Map<string, number>()

  /** Tasks that wait for predecessors. */
  get waiting(): number {
    return this.#unmet.size
  }

  /**
   * An unfinished task names these. What was said first of a task stands.
   *
   * @returns those of them, and of what they are after in turn, that a longer chain waits for now
   */
  name(id: string, after: readonly string[]): ReadonlySet<string> {
    if (this.#after.has(id)) return NOBODY
    this.#after.set(id, after)
    for (const predecessor of after) {
      const names = this.#namedBy.get(predecessor)
      if (names === undefined) this.#namedBy.set(predecessor, new Set([id]))
      else names.add(id)
    }
    return this.#raise(id, after)
  }

  #raise(id: string, after: readonly string[]): ReadonlySet<string> {
    const raised = new Set<string>()
    const open = [{ after, rank: this.rank(id) + 1 }]
    for (let link = open.pop(); link !== undefined; link = open.pop()) {
      const rank = Math.min(link.rank, RANK_MAX)
      for (const predecessor of link.after) {
        if (this.rank(predecessor) >= rank) continue
        this.#ranks.set(predecessor, rank)
        raised.add(predecessor)
        open.push({ after: this.#after.get(predecessor) ?? [], rank: rank + 1 })
      }
    }
    return raised
  }

  /**
   * Tasks in the longest chain that has come to be after this one, at most `RANK_MAX`. It does not shrink when a task of
   * the chain ends early; 0 once no unfinished task names this one.
   */
  rank(id: string): number {
    return this.#ranks.get(id) ?? 0
  }

  /** True while an unfinished task is after this one. */
  named(id: string): boolean {
    return this.#namedBy.has(id)
  }

  /** The unfinished tasks that are after this one. */
  successors(id: string): ReadonlySet<string> {
    return this.#namedBy.get(id) ?? NOBODY
  }

  /**
   * Lets a task's predecessors count, unless that would close a cycle.
   *
   * @returns a task of the cycle, the last before `id` or the first after it; `undefined` when there is none
   */
  link(id: string): string | undefined {
    if (this.#linked.has(id)) return undefined
    this.#linked.add(id)
    const through = this.#cycleThrough(id)
    if (through !== undefined) this.#linked.delete(id)
    return through
  }

  #cycleThrough(id: string): string | undefined {
    const before = reach(id, (of) => (this.#linked.has(of) ? this.#after.get(of) : undefined))
    const behind = reach(id, (of) => this.#linkedSuccessors(of))
    for (;;) {
      for (const side of [before, behind]) {
        const step = side.next()
        if (step.done === true) return undefined
        if (step.value.found === id) return step.value.from
      }
    }
  }

  *#linkedSuccessors(id: string): IterableIterator<string> {
    for (const successor of this.successors(id)) if (this.#linked.has(successor)) yield successor
  }

  /** A task waits for these of its predecessors. */
  wait(id: string, unmet: Set<string>): void {
    this.#unmet.set(id, unmet)
  }

  /** What a task waits for; `undefined` when it does not wait. */
  unmet(id: string): ReadonlySet<string> | undefined {
    return this.#unmet.get(id)
  }

  /** A predecessor has succeeded. @returns true when the task waits for nothing any more, and no longer does */
  met(id: string, predecessor: string): boolean {
    const unmet = this.#unmet.get(id)
    unmet?.delete(predecessor)
    return unmet?.size === 0 && this.#unmet.delete(id)
  }

  /** A task waits no more, whatever became of its predecessors. */
  leave(id: string): void {
    this.#unmet.delete(id)
  }

  /** A task has finished. @returns predecessors that nobody names any more */
  forget(id: string): readonly string[] {
    const after = this.#after.get(id) ?? []
    this.#after.delete(id)
    this.#linked.delete(id)
    this.#unmet.delete(id)
    return after.filter((predecessor) => {
      const names = this.#namedBy.get(predecessor)
      names?.delete(id)
      if (names?.size !== 0) return false
      this.#ranks.delete(predecessor)
      return this.#namedBy.delete(predecessor)
    })
  }
}

/** All that can be reached from `start`, each once, and from where it was. */
function* reach(
  start: string,
  next: (id: string) => Iterable<string> | undefined,
): Generator<{ readonly found: string; readonly from: string }, void> {
  const seen = new Set<string>()
  const open = [start]
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const found of next(from) ?? []) {
      if (seen.has(found)) continue
      seen.add(found)
      open.push(found)
      yield { found, from }
    }
  }
}
