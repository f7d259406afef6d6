/** Marks: from which utilization on a device gets no new work, and up to which it may be given work of another. */
import { parseDuration } from './duration.ts'

export const DEFAULT_HIGH_MARK = 0.9
export const DEFAULT_LOW_MARK = 0.7
export const DEFAULT_MOVE_AFTER_MS = 15_000
export const DEFAULT_MOVE_COOLDOWN_MS = 60_000

/** What a mesh's settings say of it. */
interface Written {
  readonly highMark?: number | 'never'
  readonly lowMark?: number
  readonly moveAfter?: string
  readonly moveCooldown?: string
}

export interface Marks {
  /** At or above this share a device is hot. Infinite when none ever is. */
  readonly high: number
  /** A device that takes work off a hot one is to stay at or below this share. */
  readonly low: number
  /** How long a device is hot before work is moved off it, in milliseconds. */
  readonly moveAfterMs: number
  /** How long a device, and a task, is left alone after a move, in milliseconds. */
  readonly cooldownMs: number
}

/** The marks with defaults filled in. */
export function marksOf(written: Written | undefined): Marks {
  const { highMark = DEFAULT_HIGH_MARK, lowMark, moveAfter = '', moveCooldown = '' } = written ?? {}
  const high = highMark === 'never' ? Number.POSITIVE_INFINITY : highMark
  return {
    high,
    low: lowMark ?? Math.min(DEFAULT_LOW_MARK, high),
    moveAfterMs: parseDuration(moveAfter) ?? DEFAULT_MOVE_AFTER_MS,
    cooldownMs: parseDuration(moveCooldown) ?? DEFAULT_MOVE_COOLDOWN_MS,
  }
}
