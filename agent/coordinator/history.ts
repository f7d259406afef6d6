/**
 * History: what was decided about each task, and when. A status tells of it, so that it survives the coordinator, and
 * whoever asks needs nothing but the status.
 */
import { HISTORY_CHARS_MAX, HISTORY_MAX, isTerminal } from '../../shared/protocol/schemas/index.ts'
import { RECEIVED, type TaskRecord } from './task-record.ts'

/** About what all tasks together may have; the more tasks there are, the fewer each has. */
const ENTRIES_MAX = 200_000
/** What every task may have: where it went, and how it ended. */
const ENTRIES_MIN = 2

/**
 * Notes what a task's explanation says, unless that was noted before.
 *
 * @param tasks how many there are
 * @param instant tells the time
 */
export function note(task: TaskRecord, tasks: number, instant: () => string): void {
  const { explanation: text } = task
  const last = task.history?.at(-1)
  if (last?.text === text || text === RECEIVED) return
  // Where each element of an array went is no history of the array.
  if (task.array !== undefined && task.reasons === undefined && !isTerminal(task.state)) return
  const entry = { at: instant(), text: text.slice(0, HISTORY_CHARS_MAX) }
  if (last?.text === entry.text) return
  const history = task.history ?? []
  task.history = history
  // One wait, however its reasons change: since when, and why at last.
  if (last !== undefined && waits(last.text) && waits(text)) {
    history[history.length - 1] = { at: last.at, text: entry.text }
    return
  }
  const most = Math.max(ENTRIES_MIN, Math.min(HISTORY_MAX, Math.floor(ENTRIES_MAX / tasks)))
  while (history.length >= most) history.shift()
  history.push(entry)
}

const waits = (text: string): boolean => text.startsWith('waits: ')
