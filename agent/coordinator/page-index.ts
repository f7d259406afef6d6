/** A page of results as a candidate keeps it: who ended how, without what they said. Some ten bytes an element. */
import type { Attempt, Reign } from '../../shared/protocol/attempt.ts'
import { ELEMENT_STATES, type ElementState, type ResultPage } from '../../shared/protocol/schemas/index.ts'

export class PageIndex {
  readonly digest: string
  readonly reign: Reign
  readonly #elements: Uint16Array
  readonly #states: Uint8Array
  readonly #ns: Float64Array
  readonly #reignOf: Uint16Array
  readonly #reigns: Reign[] = []

  constructor(page: ResultPage) {
    const { results, digest, term, agent } = page
    this.digest = digest
    this.reign = { term, agent }
    this.#elements = Uint16Array.from(results, ({ element }) => element)
    this.#states = Uint8Array.from(results, ({ state }) => ELEMENT_STATES.indexOf(state))
    this.#ns = Float64Array.from(results, ({ attempt }) => attempt?.n ?? 0)
    this.#reignOf = Uint16Array.from(results, ({ attempt }) => this.#reignIndex(attempt))
  }

  #reignIndex(attempt: Attempt | undefined): number {
    if (attempt === undefined) return 0
    const { term, agent } = attempt
    const known = this.#reigns.findIndex((reign) => reign.term === term && reign.agent === agent)
    if (known >= 0) return known
    return this.#reigns.push({ term, agent }) - 1
  }

  /** How many elements' ends stand in the page. */
  get size(): number {
    return this.#elements.length
  }

  /** The elements whose end stands in the page. */
  *entries(): IterableIterator<{ element: number; state: ElementState; attempt: Attempt | undefined }> {
    for (const [i, element] of this.#elements.entries()) {
      const n = this.#ns[i] as number
      const reign = this.#reigns[this.#reignOf[i] as number]
      const attempt = n === 0 || reign === undefined ? undefined : { term: reign.term, agent: reign.agent, n }
      yield { element, state: ELEMENT_STATES[this.#states[i] as number] as ElementState, attempt }
    }
  }
}
