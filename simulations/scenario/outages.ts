/**
 * Outages of real or made-up machines, to be replayed. The file is CSV with a head line and the columns `system`,
 * `node`, `start_min…` and `end_min…` in whole minutes of one calendar; further columns are ignored. Outages of one
 * node that overlap are one.
 */
import { CoveyError } from '../../shared/errors/errors.ts'

export interface Outage {
  readonly node: string
  readonly startMin: number
  readonly endMin: number
}

export const OUTAGES_MAX = 200_000

/**
 * Reads and merges the outages of a file, in the order of their beginning.
 *
 * @param source the file's name, for messages
 * @throws CoveyError E_SCENARIO with the line
 */
export function readOutages(text: string, source: string): Outage[] {
  const lines = text.split(/\r?\n/)
  const head = (lines[0] ?? '').split(',').map((name) => name.trim())
  const column = (begins: string): number => {
    const index = head.findIndex((name) => name === begins || name.startsWith(`${begins}_`))
    if (index >= 0) return index
    throw wrong(
      source,
      1,
      `there is no column ${begins}`,
      'The head line names system, node, start_min… and end_min…',
    )
  }
  const [system, node, start, end] = [
    column('system'),
    column('node'),
    column('start_min'),
    column('end_min'),
  ]
  const outages: Outage[] = []
  for (const [n, line] of lines.entries()) {
    if (n === 0 || line.trim() === '') continue
    if (outages.length >= OUTAGES_MAX)
      throw wrong(source, n + 1, `more than ${OUTAGES_MAX} outages`, 'Use a part of the file')
    const cells = line.split(',')
    const minutes = (index: number): number => {
      const cell = cells[index] ?? ''
      if (/^-?\d+(\.0+)?$/.test(cell.trim())) return Number(cell)
      throw wrong(
        source,
        n + 1,
        `${JSON.stringify(cell)} is no whole number of minutes`,
        'Write minutes like 559155',
      )
    }
    const outage = { node: `${cells[system]}/${cells[node]}`, startMin: minutes(start), endMin: minutes(end) }
    if (outage.endMin < outage.startMin) {
      throw wrong(
        source,
        n + 1,
        `the outage ends at ${outage.endMin}, before its start at ${outage.startMin}`,
        'Exchange the two, or remove the line',
      )
    }
    outages.push(outage)
  }
  return mergeOutages(outages)
}

/** Outages of one node that overlap or touch become one. */
export function mergeOutages(outages: readonly Outage[]): Outage[] {
  const sorted = [...outages].sort((a, b) => a.startMin - b.startMin || a.endMin - b.endMin)
  const last = new Map<string, number>()
  const merged: Outage[] = []
  for (const outage of sorted) {
    const index = last.get(outage.node)
    const before = index === undefined ? undefined : merged[index]
    if (index !== undefined && before !== undefined && outage.startMin <= before.endMin) {
      merged[index] = { ...before, endMin: Math.max(before.endMin, outage.endMin) }
    } else {
      last.set(outage.node, merged.length)
      merged.push(outage)
    }
  }
  return merged
}

function wrong(source: string, line: number, message: string, remedy: string): CoveyError {
  return new CoveyError('E_SCENARIO', `${source}:${line}:1: ${message}`, { remedy })
}
