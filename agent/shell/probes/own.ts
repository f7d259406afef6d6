/**
 * What an agent and all that descends from it take: for agents that share a machine, each of which offers a part of it.
 * What containers do is not among it, since their engine starts them.
 */
import { CoveyError } from '../../../shared/errors/errors.ts'
import { parseQuantity } from '../../../shared/model/quantity.ts'
import { listProcesses, type ProcessRow, readResidentBytes } from '../process-table.ts'
import type { Quantities } from './capacity.ts'
import { CPU_SPAN_MS_MIN, TICKS_PER_SECOND } from './cpu.ts'
import type { Taken } from './load.ts'
import { type Roots, SYSTEM_ROOTS } from './roots.ts'

/** What an agent takes of itself is no part of what it offers; functions that it calls take more. */
const AGENT_BYTES = 128 * 2 ** 20

/** Quantities count in thousandths. */
const MILLI = 1_000

/**
 * A probe of the process and its descendants, beside the capacity that the device offers. `cpu` is the mean since the
 * call before, so the first call has none. A descendant that was seen once stays one when its parent dies.
 *
 * @param nowMs a monotonic clock
 * @throws CoveyError E_USAGE where there is no /proc to read it from
 */
export function createOwnProbe(
  capacity: Quantities,
  nowMs: () => number = () => performance.now(),
  roots: Roots = SYSTEM_ROOTS,
  pid: number = process.pid,
): () => Taken {
  if (listProcesses(roots.proc) === undefined) {
    throw new CoveyError(
      'E_USAGE',
      `what the agent itself takes cannot be measured: there is no ${roots.proc}`,
      {
        remedy: 'Leave --load at "machine"',
      },
    )
  }
  const amount = (name: string) => (parseQuantity(capacity[name] ?? 0) ?? 0) / MILLI
  const totals = { cpuTotal: amount('cpu'), memoryTotal: amount('memory') }
  let before = new Map<string, ProcessRow>()
  let beforeMs: number | undefined
  return () => {
    const now = family(listProcesses(roots.proc) ?? [], pid, before)
    const atMs = nowMs()
    const spanMs = beforeMs === undefined ? 0 : atMs - beforeMs
    const ticks = ticksOf(now.values()) - ticksOf(counted(before, now))
    before = now
    beforeMs = atMs
    let memoryUsed = 0
    for (const row of now.values()) {
      const residentBytes = readResidentBytes(row.pid, roots.proc)
      memoryUsed += row.pid === pid ? Math.max(0, residentBytes - AGENT_BYTES) : residentBytes
    }
    const known = spanMs >= CPU_SPAN_MS_MIN && totals.cpuTotal > 0
    // Who lets its children go without waiting for them takes their time with it.
    const cpu = Math.max(0, (ticks * 1000) / TICKS_PER_SECOND / spanMs)
    return {
      ...(known ? { cpu: Math.round(cpu * 1000) / 1000, cpuTotal: totals.cpuTotal } : {}),
      memoryUsed,
      memoryTotal: totals.memoryTotal,
    }
  }
}

/** A pid is used again, a pid and when its process began is not. */
const nameOf = ({ pid, startTicks }: ProcessRow): string => `${pid} ${startTicks}`

/** The process, all that descends from it, and those that did when they were looked at before. */
function family(
  rows: readonly ProcessRow[],
  pid: number,
  before: ReadonlyMap<string, ProcessRow>,
): Map<string, ProcessRow> {
  const children = new Map<number, ProcessRow[]>()
  const found = new Map<string, ProcessRow>()
  const open: ProcessRow[] = []
  for (const row of rows) {
    const siblings = children.get(row.parent)
    if (siblings === undefined) children.set(row.parent, [row])
    else siblings.push(row)
    if (row.pid === pid || before.has(nameOf(row))) open.push(row)
  }
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    if (found.has(nameOf(row))) continue
    found.set(nameOf(row), row)
    open.push(...(children.get(row.pid) ?? []))
  }
  return found
}

/**
 * Those of before whose time is in the sum of now: they live, or whoever waited for them does, and has their time. What
 * an orphan computed is nobody's when it has ended.
 */
function* counted(
  before: ReadonlyMap<string, ProcessRow>,
  now: ReadonlyMap<string, ProcessRow>,
): IterableIterator<ProcessRow> {
  const pids = new Set([...before.values()].map(({ pid }) => pid))
  for (const [name, row] of before) if (now.has(name) || pids.has(row.parent)) yield row
}

function ticksOf(rows: Iterable<ProcessRow>): number {
  let ticks = 0
  for (const row of rows) ticks += row.cpuTicks
  return ticks
}
