/**
 * The guard: a program beside the agent that ends exclusive work when its lease is over, also while the agent is
 * frozen or dead. Its argument is the agent's data folder. It reads orders from its standard input, one JSON object a
 * line, and answers on standard output.
 *
 * It looks at the clocks before it reads an order, so that no renewal that came too late brings anything back.
 * When the agent is gone it stays until nothing is left to end.
 */
import { createInterface } from 'node:readline'
import { leaseLeftMs } from '../../shared/model/lease.ts'
import type { Lease, Now } from '../../shared/ports.ts'
import type { GuardAnswer, GuardOrder } from './guard.ts'
import { readProcess } from './process-table.ts'
import { killAttempt } from './reap.ts'

/** The wall clock may be set, and timers stand still while the device sleeps: so it looks this often. */
const LOOK_MS = 100

interface Watch {
  lease: Lease
  /** Leader of its process group, and when that was started. */
  pid?: number
  startTicks?: string | undefined
}

const data = process.argv[2] ?? ''
const watches = new Map<string, Watch>()
let timer: NodeJS.Timeout | undefined
let alone = false

const now = (): Now => ({ monoMs: Number(process.hrtime.bigint()) / 1e6, wallMs: Date.now() })

function answer(told: GuardAnswer): void {
  if (!alone) process.stdout.write(`${JSON.stringify(told)}\n`)
}

function look(): void {
  const at = now()
  for (const [key, watch] of watches) {
    if (leaseLeftMs(watch.lease.from, watch.lease.leaseMs, at) > 0) continue
    watches.delete(key)
    end(key, watch)
    answer({ lapsed: key })
  }
  if (watches.size > 0) timer ??= setInterval(look, LOOK_MS)
  else {
    clearInterval(timer)
    timer = undefined
    if (alone) process.exit(0)
  }
}

/** KILLs the group, and whatever carries the attempt's name in its environment. */
function end(key: string, { pid, startTicks }: Watch): void {
  if (pid !== undefined) {
    const leader = readProcess(pid)
    // Of a group whose leader is gone no stranger can have the number; of one that is empty he may.
    if (leader === undefined || leader.startTicks === startTicks) killGroup(pid)
  }
  killAttempt(data, key)
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

function obey(order: GuardOrder): void {
  look()
  if ('hold' in order) {
    watches.set(order.hold, { lease: order.lease })
    look()
    answer({ held: order.hold })
  } else if ('pid' in order) {
    const watch = watches.get(order.key)
    if (watch === undefined) return
    watch.pid = order.pid
    watch.startTicks = readProcess(order.pid)?.startTicks
  } else if ('drop' in order) {
    watches.delete(order.drop)
    look()
  } else if ('ask' in order) answer({ here: true })
  else for (const watch of watches.values()) watch.lease = { ...watch.lease, from: order.from }
}

// Whoever stops the agent by a signal to its group or terminal does not mean this.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.stdout.on('error', () => {
  alone = true
})
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => obey(JSON.parse(line) as GuardOrder))
lines.on('close', () => {
  alone = true
  look()
})
