/** What the coordinator knows of one task, and how that stands in its status. */

import type { Failure } from '../../shared/errors/errors.ts'
import type { Demand } from '../../shared/model/task.ts'
import type { Attempt, Reign } from '../../shared/protocol/attempt.ts'
import { contentDigest } from '../../shared/protocol/digest.ts'
import {
  type ArrayProgress,
  type Checkpoint,
  isTerminal,
  type TaskSpec,
  type TaskState,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import type { ArrayRecord } from './array-record.ts'
import type { Waiting } from './scheduler/queue.ts'
import type { Account } from './tenants.ts'

export interface TaskRecord {
  readonly id: string
  /** Digest of the spec's content; empty for what could not be read. */
  readonly digest: string
  /** Order of arrival here. */
  readonly seq: number
  /** Kept while the task is unfinished. */
  spec: TaskSpec | undefined
  demand: Demand | undefined
  /** How long the last status stays, as the spec states it; it outlives the spec. */
  ttl: string | undefined
  state: TaskState
  /** It is to end like this as soon as its current attempt is gone: withdrawn, or past its deadline. */
  stopping:
    | { state: 'cancelled' | 'timed_out' | 'rejected'; explanation: string; error?: Failure }
    | undefined
  /** The one attempt whose result counts. */
  current: { attempt: Attempt; device: string } | undefined
  /** Where the last attempt was that began. */
  device: string | undefined
  /** Length of the lease of the last attempt, when the task is exclusive. */
  leaseMs: number | undefined
  /** The highest attempt that is over: its result was taken, or it was given up. */
  over: Attempt | undefined
  attempts: number
  failed: number
  lost: number
  duplicates: number
  /** How often it was moved off a device under load, and the last time. */
  moves: TaskStatus['moves']
  /** How often it was ended for a task of higher priority, and the last time. */
  preemptions: TaskStatus['preemptions']
  /** Of an unfinished task: what its attempts published last. Set by `Checkpoints` alone, which counts it. */
  checkpoint: Checkpoint | undefined
  result: TaskStatus['result']
  error: Failure | undefined
  refused: TaskStatus['refused']
  explanation: string
  /** What was decided about it, the oldest first; see history.ts. An element's is its array's. */
  history: TaskStatus['history']
  reasons: Record<string, number> | undefined
  /** While there are reasons: no device could take it even if it were empty. */
  impossible: boolean
  times: TaskStatus['times']
  /** Not to be placed before, on the monotonic clock: back-off after a failure. */
  notBeforeMs: number
  /** Of an array that has not ended: its elements. */
  array: ArrayRecord | undefined
  /** Of an array: how far it was when it ended, or when an earlier coordinator published it last. */
  progress: ArrayProgress | undefined
  /** Of an array: its pages of results on the broker by name, and about how many bytes each takes. */
  pages: Map<string, number> | undefined
  /** Of an element: which it is, of which array. */
  element: { readonly of: TaskRecord; readonly index: number } | undefined
  /** A retained spec may still be on the broker and has to be cleared when the task ends. */
  specRetained: boolean
  /** The broker has its terminal status, which has taken effect. */
  settled: boolean
  /** Where it counts among the unfinished tasks of its tenant, while it does. */
  account: Account | undefined
  /** Its place among those that wait for a device, while it does. */
  queued: Waiting | undefined
  publication: Publication
}

/** Where a task's status stands between here and the broker. */
export interface Publication {
  /** Grows with every change worth telling. */
  version: number
  /** The version on its way to the broker; 0 for none. */
  inFlight: number
  /** The last version that the broker acknowledged. */
  acked: number
  /** Results that may be acknowledged to their device once the broker has the version. */
  owed: { device: string; attempt: Attempt; version: number }[]
}

/** What is said of a task before anything was decided. */
export const RECEIVED = 'received'

/** A fresh record. `seen` is when the task was first seen, as an instant. */
export function newTask(
  id: string,
  seq: number,
  digest: string,
  seen: string,
  spec?: TaskSpec,
  demand?: Demand,
): TaskRecord {
  return {
    id,
    digest,
    seq,
    spec,
    demand,
    ttl: spec?.ttl,
    state: 'pending',
    stopping: undefined,
    current: undefined,
    device: undefined,
    leaseMs: undefined,
    over: undefined,
    attempts: 0,
    failed: 0,
    lost: 0,
    duplicates: 0,
    moves: undefined,
    preemptions: undefined,
    checkpoint: undefined,
    result: undefined,
    error: undefined,
    refused: undefined,
    explanation: RECEIVED,
    history: undefined,
    reasons: undefined,
    impossible: false,
    times: { seen },
    notBeforeMs: 0,
    array: undefined,
    progress: undefined,
    pages: undefined,
    element: undefined,
    specRetained: true,
    settled: false,
    account: undefined,
    queued: undefined,
    publication: { version: 0, inFlight: 0, acked: 0, owed: [] },
  }
}

/** True when the broker has the task's status as it is now; of an ended task, that it has ended. */
export function isTold({ publication }: TaskRecord): boolean {
  return publication.acked === publication.version
}

/** Takes over what an earlier coordinator had published of the task. */
export function continueFrom(task: TaskRecord, status: TaskStatus): void {
  task.state = status.state
  task.attempts = status.attempts
  task.failed = status.failed
  task.lost = status.lost
  task.duplicates = status.duplicates ?? 0
  task.moves = status.moves
  task.preemptions = status.preemptions
  task.result = status.result
  task.error = status.error
  task.progress = status.array
  task.refused = status.refused
  task.explanation = status.explanation
  task.history = status.history === undefined ? undefined : [...status.history]
  task.reasons = status.reasons
  task.impossible = status.impossible === true
  task.times = { ...status.times }
  const { attempt, device } = status
  task.device = device
  task.leaseMs = status.leaseMs
  task.ttl ??= status.ttl
  if (attempt === undefined) return
  if (device !== undefined && (status.state === 'assigned' || status.state === 'running')) {
    task.current = { attempt, device }
  } else task.over = attempt
}

/** The status as it is published by the coordinator of `reign`. */
export function statusOf(task: TaskRecord, reign: Reign): TaskStatus {
  const attempt = task.current?.attempt ?? task.over
  const device = task.state === 'pending' ? undefined : task.device
  const array = task.array?.progress() ?? task.progress
  const { reasons, impossible } = task
  return {
    task: task.id,
    state: task.state,
    digest: task.digest,
    term: reign.term,
    agent: reign.agent,
    ...(attempt === undefined ? {} : { attempt }),
    ...(device === undefined ? {} : { device }),
    ...(task.leaseMs === undefined || isTerminal(task.state) ? {} : { leaseMs: task.leaseMs }),
    attempts: task.attempts,
    failed: task.failed,
    lost: task.lost,
    ...(task.duplicates === 0 ? {} : { duplicates: task.duplicates }),
    ...(task.moves === undefined ? {} : { moves: task.moves }),
    ...(task.preemptions === undefined ? {} : { preemptions: task.preemptions }),
    ...(array === undefined ? {} : { array }),
    ...(task.checkpoint === undefined || isTerminal(task.state) ? {} : { checkpoint: task.checkpoint }),
    ...(task.result === undefined ? {} : { result: task.result }),
    ...(task.error === undefined ? {} : { error: task.error }),
    ...(task.refused === undefined ? {} : { refused: task.refused }),
    explanation: task.explanation,
    ...(task.history === undefined || task.history.length < 2 ? {} : { history: [...task.history] }),
    ...(reasons === undefined || isTerminal(task.state)
      ? {}
      : { reasons, ...(impossible ? { impossible } : {}) }),
    times: { ...task.times },
    ...(task.ttl === undefined || !isTerminal(task.state) ? {} : { ttl: task.ttl }),
  }
}

/** The digest that a status carries of its spec. */
export function specDigest(spec: TaskSpec): string {
  return contentDigest(spec)
}

/** Counts something of a task; what elements do counts for their array as well. */
export function tally(task: TaskRecord, what: 'attempts' | 'failed' | 'lost' | 'duplicates', by = 1): void {
  task[what] += by
  if (task.element !== undefined) task.element.of[what] += by
}
