/** How far a simulation is, on standard error: one line that changes on a terminal, else a line now and then. */
import type { Progress } from '../../simulations/scenario/run.ts'
import type { Context } from './context.ts'
import { remark } from './report-error.ts'

const LINE_EVERY_MS = 5_000
const REDRAW_EVERY_MS = 200

export class ProgressLine {
  readonly #context: Context
  #shownMs = performance.now()
  #drawn = false

  constructor(context: Context) {
    this.#context = context
  }

  /** Shows a text if it is time to; a terminal gets it over the one before. */
  show(text: () => string): void {
    const { stderr } = this.#context
    const terminal = stderr.isTTY === true
    const nowMs = performance.now()
    if (nowMs - this.#shownMs < (terminal ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return
    this.#shownMs = nowMs
    if (terminal) {
      const width = (stderr.columns || 80) - 1
      stderr.write(`\r\u001b[K${text().slice(0, width)}`)
      this.#drawn = true
    } else remark(this.#context, text())
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawn) this.#context.stderr.write('\r\u001b[K')
    this.#drawn = false
  }
}

/** A run's progress in one line. */
export function progressText(progress: Progress, time: 'virtual' | 'real' = 'virtual'): string {
  const { nowMs, durationMs, devicesUp, submitted, ended, violations } = progress
  const share = Math.min(100, Math.floor((100 * nowMs) / durationMs))
  const phase = nowMs > durationMs ? 'settling' : `${share}%`
  const broken = violations === 0 ? '' : `, ${violations} violations`
  return `${phase}: ${Math.round(nowMs / 1000)}s of ${time} time, ${devicesUp} devices up, ${ended} of ${submitted} tasks ended${broken}`
}
