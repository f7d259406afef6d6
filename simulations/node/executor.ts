/**
 * A virtual executor: processes that start, run for their time, and end, are ended, or ignore it. They are no
 * part of the agent: when it dies they go on, until a next start reaps them or they end by themselves.
 */
import { accumulate, emptyVector, type Resources } from '../../shared/model/resources.ts'
import { demandOf } from '../../shared/model/task.ts'
import type { AgentEffect, AgentInput, JournalEntry, Measured, Now, RunEnd } from '../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { Random } from '../../shared/random/random.ts'
import type { NodeClock } from '../engine/clock.ts'
import type { Engine } from '../engine/engine.ts'
import { type Handle, NO_EVENT, type Target } from '../engine/queue.ts'
import { type Behaviour, behaviourOf } from './behaviour.ts'
import { VirtualGuard } from './guard.ts'
import { measuredOf } from './measured.ts'

export interface Process {
  readonly key: string
  readonly attempt: Attempt
  readonly task: string
  readonly spec: TaskSpec
  /** What it asked for, in thousandths. */
  readonly resources: Resources
  /** Which of the device's GPUs it was given. */
  readonly gpus: readonly number[]
  readonly behaviour: Behaviour
  readonly pid: number
  readonly startedUs: number
  /** Pieces of output so far. */
  printed: number
  /** How much of its time was done when it started. */
  readonly doneMs: number
  /** When it began its work, after it was started. */
  workingUs: number
  /** False once the agent that started it has died. */
  watched: boolean
  end: Handle
}

type Run = Omit<Extract<AgentEffect, { do: 'run' }>, 'do'>

/** Tells of processes; `gone` is every end of one, whether or not an agent still watches it. */
export interface ExecutorEvents {
  input(input: AgentInput): void
  gone(process: Process): void
}

const Event = {
  started: 1,
  ended: 2,
  termed: 3,
  killed: 4,
  missing: 5,
  absent: 6,
  lapsed: 7,
  printed: 8,
  checkpoint: 9,
} as const
const START_MS = { min: 1, max: 15 }
/** One piece of output of a task that writes. */
const PIECE = 'all work and no play '.repeat(48)
/** What a shell captures of a task's output, in characters. */
const CAPTURED_MAX = 64 * 1024
/** How long a process takes to die of a signal. */
const DEATH_MS_MAX = 5
/** Times are rounded to the microsecond: a step that has almost been taken has been. */
const ALMOST = 0.01

export class VirtualExecutor implements Target {
  readonly serial: number
  /** How many times slower the device computes than it should. */
  slowness = 1
  /** How much of the device is taken by what nobody placed there, from 0 to 1. */
  busy = 0
  /** How long a process takes to start. */
  startMs: { readonly min: number; readonly max: number } = START_MS
  readonly processes = new Map<string, Process>()
  readonly guard: VirtualGuard
  readonly #engine: Engine
  readonly #random: Random
  readonly #events: ExecutorEvents
  /** What all that runs asked for. */
  readonly #placed = emptyVector()
  /** What it measures, until what runs or what else is busy changes. */
  #measured: Measured | undefined
  #measuredBusy = 0
  #pids = 100

  constructor(engine: Engine, clock: NodeClock, random: Random, events: ExecutorEvents) {
    this.serial = engine.serial()
    this.#engine = engine
    this.#random = random
    this.#events = events
    this.guard = new VirtualGuard(engine, clock, random.fork('guard'), (process) => {
      this.#engine.after(this.#random.between(0, DEATH_MS_MAX), this, Event.lapsed, process)
    })
  }

  run({ attempt, task, spec, lease, gpus = [], checkpoint }: Run): Process {
    const key = attemptKey(attempt)
    if (this.processes.has(key)) throw new Error(`attempt ${key} runs already`)
    const process: Process = {
      key,
      attempt,
      task,
      spec,
      resources: demandOf(spec).resources,
      gpus,
      behaviour: behaviourOf(spec),
      pid: ++this.#pids,
      startedUs: this.#engine.nowUs,
      printed: 0,
      doneMs: Number(checkpoint?.value ?? 0),
      workingUs: Number.POSITIVE_INFINITY,
      watched: true,
      end: NO_EVENT,
    }
    this.processes.set(key, process)
    accumulate(this.#placed, process.resources, 1)
    this.#measured = undefined
    const startMs = this.#random.between(this.startMs.min, this.startMs.max) * this.slowness
    const first = process.behaviour.missing === true ? Event.missing : Event.started
    process.end = this.#engine.after(startMs, this, first, process)
    if (lease !== undefined) this.guard.hold(process, lease)
    return process
  }

  /** Leases of all that runs count from then on. */
  extend(from: Now): void {
    this.guard.extend(from)
  }

  /** What a device of that capacity measures while these processes run. */
  load(capacity: Resources): Measured {
    // Every heartbeat asks, and mostly nothing has changed.
    if (this.#measured === undefined || this.#measuredBusy !== this.busy) {
      this.#measured = measuredOf(capacity, this.#placed, this.busy)
      this.#measuredBusy = this.busy
    }
    return this.#measured
  }

  /** TERM now and KILL after the grace; `ended` follows in any case. */
  kill(attempt: Attempt, graceMs: number): void {
    const process = this.processes.get(attemptKey(attempt))
    if (process === undefined) {
      this.#engine.after(0, this, Event.absent, attempt)
      return
    }
    const diesMs = this.#random.between(0, DEATH_MS_MAX)
    if (process.behaviour.ignoresTerm === true) {
      this.#engine.after(graceMs + diesMs, this, Event.killed, process)
    } else {
      this.#engine.after(diesMs, this, Event.termed, process)
    }
  }

  /** KILLs what a former start of the agent left behind. */
  reap(entries: readonly JournalEntry[]): void {
    for (const entry of entries) {
      const process = this.processes.get(attemptKey(entry.attempt))
      if (process !== undefined && !process.watched) this.#remove(process)
    }
  }

  /** The agent has died: its processes go on and nobody is told. */
  orphan(): void {
    for (const process of this.processes.values()) process.watched = false
  }

  /** The power failed, or the agent closes: every process is gone at once and nobody is told. */
  clear(): void {
    for (const process of [...this.processes.values()]) this.#remove(process)
  }

  on(kind: number, arg: unknown): void {
    if (kind === Event.absent) {
      const attempt = arg as Attempt
      this.#events.input({ in: 'ended', attempt, end: failed('E_SIGNAL', 'it was not running') })
      return
    }
    const process = arg as Process
    if (this.processes.get(process.key) !== process) return
    if (kind === Event.started) this.#onStarted(process)
    else if (kind === Event.printed) this.#print(process)
    else if (kind === Event.checkpoint) this.#awaitCheckpoint(process, this.#publish(process))
    else {
      if (kind === Event.termed && process.behaviour.checkpoints !== undefined) this.#publish(process)
      this.#end(process, endOf(process.behaviour, kind))
    }
  }

  #onStarted(process: Process): void {
    const { ms, ends } = process.behaviour
    const leftMs = Math.max(0, ms - process.doneMs) * this.slowness
    process.end = NO_EVENT
    process.workingUs = this.#engine.nowUs
    if (ends !== 'hangs') process.end = this.#engine.after(leftMs, this, Event.ended, process)
    if (process.watched) this.#events.input({ in: 'started', attempt: process.attempt, pid: process.pid })
    if (process.behaviour.prints !== undefined) this.#print(process)
    this.#awaitCheckpoint(process, process.doneMs)
  }

  #awaitCheckpoint(process: Process, doneMs: number): void {
    const { checkpoints = 0, ms } = process.behaviour
    if (checkpoints === 0 || ms === 0) return
    const everyMs = ms / (checkpoints + 1)
    const nextMs = (Math.floor(doneMs / everyMs + ALMOST) + 1) * everyMs
    if (nextMs > ms - everyMs * ALMOST) return
    this.#engine.after((nextMs - doneMs) * this.slowness, this, Event.checkpoint, process)
  }

  /** @returns how much of its time is done */
  #publish(process: Process): number {
    const { attempt, watched, doneMs, workingUs, behaviour } = process
    const workedMs = Math.max(0, this.#engine.nowUs - workingUs) / 1000 / this.slowness
    const nowMs = Math.min(behaviour.ms, doneMs + workedMs)
    if (watched) this.#events.input({ in: 'checkpoint', attempt, value: String(nowMs) })
    return nowMs
  }

  /** Writes its pieces evenly over its time. */
  #print(process: Process): void {
    const { prints = 0, ms } = process.behaviour
    process.printed++
    if (process.watched) {
      this.#events.input({ in: 'output', attempt: process.attempt, stream: 'stdout', text: PIECE })
    }
    if (process.printed < prints) {
      this.#engine.after((ms / prints) * this.slowness, this, Event.printed, process)
    }
  }

  #end(process: Process, end: RunEnd): void {
    this.#remove(process)
    if (process.watched) this.#events.input({ in: 'ended', attempt: process.attempt, end })
  }

  #remove(process: Process): void {
    if (process.end !== NO_EVENT) this.#engine.cancel(process.end)
    this.guard.drop(process)
    this.processes.delete(process.key)
    accumulate(this.#placed, process.resources, -1)
    this.#measured = undefined
    this.#events.gone(process)
  }
}

function endOf(behaviour: Behaviour, kind: number): RunEnd {
  if (kind === Event.missing) return { outcome: 'failed', error: errorOf('E_NOT_FOUND', 'no such command') }
  if (kind !== Event.ended) {
    const signal = kind === Event.termed ? 'SIGTERM' : 'SIGKILL'
    const lapsed = kind === Event.lapsed ? { lapsed: true as const } : {}
    return { ...failed('E_SIGNAL', `ended by ${signal}`), result: { signal }, ...lapsed }
  }
  if (behaviour.ends === 'succeeds') {
    const printed = PIECE.repeat(behaviour.prints ?? 0).slice(0, CAPTURED_MAX)
    return { outcome: 'succeeded', result: { exitCode: 0, stdout: `${behaviour.ms}${printed}` } }
  }
  return { ...failed('E_EXIT', 'exit code 1'), result: { exitCode: 1 } }
}

const errorOf = (code: string, message: string): { code: string; message: string } => ({ code, message })
const failed = (code: string, message: string): RunEnd => ({
  outcome: 'failed',
  error: errorOf(code, message),
})
