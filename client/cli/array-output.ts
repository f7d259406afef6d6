/**
 * What `covey run --array` prints: each element's output whole when it has ended, in the order in which they end, or
 * with --json one result a line; on standard error how far the array is and which elements did not succeed.
 */
import { elementName } from '../../shared/protocol/ids.ts'
import { type ElementResult, isTerminal, type TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { BoundedQueue } from '../bounded-queue.ts'
import type { Client } from '../client.ts'
import { Progress } from '../demo/progress.ts'
import type { Context } from './context.ts'

/** Elements whose failure is told one by one; the rest are counted. */
const TOLD_MAX = 20

export class ArrayOutput {
  readonly #context: Context
  readonly #id: string
  readonly #json: boolean
  readonly #progress: Progress
  readonly #results: BoundedQueue<ElementResult>
  readonly #printed: Promise<void>
  #status: TaskStatus | undefined
  #told = 0

  constructor(context: Context, client: Client, id: string, json: boolean, timeoutMs: number) {
    this.#context = context
    this.#id = id
    this.#json = json
    this.#progress = new Progress(context.stderr)
    this.#progress.follow(() => progressOf(this.#status))
    this.#results = client.results(id, { timeoutMs })
    this.#printed = this.#print()
    this.#printed.catch(() => {}) // it is awaited in `finish`, unless something worse is thrown before
  }

  note(status: TaskStatus): void {
    this.#status = status
  }

  async #print(): Promise<void> {
    for await (const result of this.#results) {
      if (this.#json) this.#context.stdout.write(`${JSON.stringify(result)}\n`)
      else {
        const { stdout = '', value } = result.result ?? {}
        this.#context.stdout.write(value === undefined ? stdout : `${stdout}${JSON.stringify(value)}\n`)
        this.#context.stderr.write(result.result?.stderr ?? '')
      }
      if (result.state !== 'succeeded') this.#tell(result)
    }
  }

  #tell({ element, state, error }: ElementResult): void {
    if (++this.#told > TOLD_MAX) return
    const more = this.#told === TOLD_MAX ? '; further ones are not told here' : ''
    this.#progress.say(
      `${elementName(this.#id, element)} ${state}${error === undefined ? '' : `: ${error.message}`}${more}`,
    )
  }

  /** Resolves when all results are printed. */
  async finish(): Promise<void> {
    try {
      await this.#printed
    } finally {
      this.#progress.stop()
    }
  }

  stop(): void {
    this.#results.end()
    this.#progress.stop()
  }
}

/** How far an array is, in one line. */
export function progressOf(status: TaskStatus | undefined): string {
  const { array } = status ?? {}
  if (status === undefined || array === undefined) return 'waits to be taken up'
  const { states, elements } = array
  let ended = 0
  const counts: string[] = []
  for (const [state, count] of Object.entries(states)) {
    if (isTerminal(state as TaskStatus['state'])) ended += count
    counts.push(`${count} ${state}`)
  }
  return `${ended} of ${elements} ended (${Math.floor((100 * ended) / elements)} %): ${counts.join(', ')}`
}
