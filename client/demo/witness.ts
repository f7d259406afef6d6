/**
 * What truly ran: every command of the demo writes lines into one file, and this reads them. It sees attempts whose
 * results no message ever told, and whether two of them were at work together.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs'

const CHUNK_BYTES = 64 * 1024
/** Lines after the first. */
const GOING_ON: readonly string[] = ['beat', 'resume', 'end']

/** An attempt as its own lines tell it. Times are milliseconds of `performance.now()`. */
export interface Life {
  /** The task, or the element of an array. */
  readonly work: string
  readonly attempt: string
  readonly device: string
  readonly beginMs: number
  /** Of its last line so far. */
  lastMs: number
  /** It came to its end. */
  ended: boolean
  /** It went on from what an earlier attempt had kept. */
  resumed: boolean
}

export class Witness {
  readonly lives = new Map<string, Life[]>()
  /** Most that were at work at the same time, by device. */
  readonly peaks = new Map<string, number>()
  /** Pieces that came to their end at least once. */
  ended = 0
  /** Lines that could not be understood. */
  unreadable = 0
  readonly #file: string
  readonly #running = new Map<string, Set<Life>>()
  /** What the machine's clock, which the commands read, says more than `performance.now()`. */
  readonly #aheadMs: number
  #offset = 0
  #rest = ''

  /** @param file need not exist yet */
  constructor(file: string, aheadMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()) {
    this.#file = file
    this.#aheadMs = aheadMs
  }

  /** Reads on to the present end of the file. */
  look(): void {
    if (!existsSync(this.#file)) return
    const file = openSync(this.#file, 'r')
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES)
      for (;;) {
        const bytes = readSync(file, buffer, 0, CHUNK_BYTES, this.#offset)
        if (bytes === 0) return
        this.#offset += bytes
        const lines = (this.#rest + buffer.toString('latin1', 0, bytes)).split('\n')
        this.#rest = lines.pop() as string
        for (const line of lines) this.#take(line)
      }
    } finally {
      closeSync(file)
    }
  }

  /** What is at work on a device whose agent lives. */
  runningOn(device: string): ReadonlySet<Life> {
    return this.#running.get(device) ?? NONE
  }

  /** The agent of a device is dead: what ran there is orphaned, whether or not it comes to its end. */
  orphan(device: string): Life[] {
    this.look()
    const orphans = [...this.runningOn(device)]
    this.#running.delete(device)
    return orphans
  }

  /** An attempt has been ended before its time. */
  cut(life: Life): void {
    this.#running.get(life.device)?.delete(life)
  }

  #take(line: string): void {
    const [what, work, attempt, device, clock, ...more] = line.split(' ')
    const atMs = Number(clock) / 1e6 - this.#aheadMs
    if (work === undefined || attempt === undefined || device === undefined || more.length > 0) {
      this.unreadable++
    } else if (Number.isNaN(atMs)) this.unreadable++
    else if (what === 'begin')
      this.#begin({ work, attempt, device, beginMs: atMs, lastMs: atMs, ended: false, resumed: false })
    else {
      const life = this.lives
        .get(work)
        ?.findLast((some) => some.attempt === attempt && some.device === device)
      if (life === undefined || !GOING_ON.includes(what ?? '')) this.unreadable++
      else {
        if (what === 'resume') life.resumed = true
        this.#goOn(life, atMs, what === 'end')
      }
    }
  }

  #begin(life: Life): void {
    const lives = this.lives.get(life.work)
    if (lives === undefined) this.lives.set(life.work, [life])
    else lives.push(life)
    const running = (this.#running.get(life.device) ?? new Set()).add(life)
    this.#running.set(life.device, running)
    this.peaks.set(life.device, Math.max(this.peaks.get(life.device) ?? 0, running.size))
  }

  #goOn(life: Life, atMs: number, ended: boolean): void {
    life.lastMs = atMs
    if (!ended) return
    if (!this.lives.get(life.work)?.some((some) => some.ended)) this.ended++
    life.ended = true
    this.#running.get(life.device)?.delete(life)
  }
}

const NONE: ReadonlySet<Life> = new Set()
