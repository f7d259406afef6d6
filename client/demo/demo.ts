/**
 * The demo: a mesh of real processes gets real work; the memory of a device is taken, then a device, the coordinator
 * and the broker are killed in the middle of it, and everything that came out is compared with what this process computed itself. Measured, not told: an
 * observer of its own counts what was said, and a witness what truly ran.
 */
import { setMaxListeners } from 'node:events'
import { CoveyError } from '../../shared/errors/errors.ts'
import { connect } from '../connect.ts'
import { deadline } from '../deadline.ts'
import { abortable } from '../link.ts'
import { check } from './check.ts'
import { Disturbance, rerouted, type Target } from './disturbance.ts'
import { MESH, Mesh } from './mesh.ts'
import { Observer, WAITS_MAX } from './observer.ts'
import { Progress, type Screen } from './progress.ts'
import { type Report, report } from './report.ts'
import { type Spike, spike } from './spike.ts'
import { Submission } from './submission.ts'
import { until } from './until.ts'
import { Witness } from './witness.ts'
import { planWork, SPIKE_PART, type Work } from './work.ts'

const DEVICES = ['attic', 'cellar', 'garage', 'kitchen', 'porch'] as const
/** Tasks that a device runs at the same time; each asks for one core, so each device says that it has as many. */
const SLOTS_PER_DEVICE = 4
const CAPACITY = `cpu=${SLOTS_PER_DEVICE},memory=640Mi`
/** So that a device's load is looked at while one watches. */
const SETTINGS = { moveAfter: '2s', moveCooldown: '10s' }
const SLOTS = SLOTS_PER_DEVICE * DEVICES.length
/** Some wait for a slot, the others are handed in later: submitting goes on while there is no coordinator. */
const UNFINISHED_MAX = 3 * SLOTS
/** After the last end it must stay quiet this long: a second end of a task would come now. */
const QUIET_MS = 1_500

export interface DemoOptions {
  readonly folder: string
  readonly filesMax: number
  /** Whether a device is loaded before anything is killed. */
  readonly spike: boolean
  /** What is killed, in this order. */
  readonly targets: readonly Target[]
  /** Limit for everything but cleaning up. */
  readonly timeoutMs: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ends the demo early, with its reason as the error. */
  readonly signal: AbortSignal
  /** Where progress is shown. */
  readonly screen: Screen | undefined
}

/**
 * Runs the demo and takes everything away again: processes, orphans of the killed agent, files.
 *
 * @throws CoveyError when the mesh does not start or cannot be taken away; the signal's reason
 */
export async function runDemo(options: DemoOptions): Promise<Report> {
  const progress = new Progress(options.screen)
  const limit = deadline(options.timeoutMs, () => timeUp(options.timeoutMs), options.signal)
  const { env } = options
  const mesh = new Mesh({ devices: DEVICES, capacity: CAPACITY, env, signal: limit.signal })
  try {
    const found = await onMesh(mesh, options, progress, limit.signal)
    // Where work is left nobody waits for it: all is killed below.
    if (!found.ok) return found
    const problems = await mesh.stop()
    return { ...found, ok: problems.length === 0, problems }
  } finally {
    limit.done()
    progress.stop()
    await mesh.end()
  }
}

async function onMesh(
  mesh: Mesh,
  options: DemoOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Report> {
  const work = planWork(options.folder, mesh.root, {
    filesMax: options.filesMax,
    slots: SLOTS,
    devices: DEVICES,
    spike: options.spike,
  })
  await mesh.start()
  const observer = await Observer.start(mesh.url, MESH)
  try {
    const isComplete = () =>
      observer.coordinator !== undefined && DEVICES.every((id) => observer.devices.get(id)?.online === true)
    await until(observer, isComplete, signal)
    progress.say(`${DEVICES.length} devices are online, ${observer.coordinator} is coordinator; look on by:`)
    progress.say(`covey get tasks -w --broker ${mesh.url} --mesh ${MESH}`)
    return await withWork(mesh, observer, work, options, progress, signal)
  } finally {
    await observer.close()
  }
}

async function withWork(
  mesh: Mesh,
  observer: Observer,
  work: Work,
  options: DemoOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Report> {
  const client = await abortable(connect({ url: mesh.url, mesh: MESH }), signal)
  const { jobs } = work
  const witness = new Witness(work.witness)
  const submission = new Submission(jobs, UNFINISHED_MAX)
  const tell = (text: string) => progress.say(text)
  const disturbance = new Disturbance({ mesh, observer, witness, jobs, devices: DEVICES, tell })
  const startedMs = performance.now()
  let load: Spike | undefined
  const part = () => (options.spike && load === undefined ? SPIKE_PART : disturbance.part)
  const troubles: string[] = []
  progress.say(`${jobs.length} tasks: checksum, word count and archives of ${work.files} files`)
  progress.follow(() => state(observer, witness, work))
  try {
    await client.configure(SETTINGS, { signal })
    await together(signal, [
      (own) => submission.run(client, observer, part, own),
      async (own) => {
        if (options.spike) load = await spike({ observer, witness, work, submission, tell }, client, own)
        await disturbance.run(options.targets, own)
      },
    ])
    const isOver = () =>
      observer.tasksEnded >= submission.receipts.size && performance.now() - observer.lastStatusMs > QUIET_MS
    await until(observer, isOver, signal)
  } catch (error) {
    // At the limit the report still says what there is and what is missing; only a wish to end ends it.
    if (!(error instanceof CoveyError) || options.signal.aborted) throw error
    troubles.push(error.message)
  } finally {
    progress.stop()
    await client.close()
  }
  witness.look()
  const { strikes } = disturbance
  const { receipts, failures } = submission
  const blows = strikes.filter(({ device }) => device !== undefined)
  const verdict = check({
    ...{ jobs, receipts, failures, seen: observer.tasks, elements: observer.elements, lives: witness.lives },
    rerouted: blows.map((strike) => rerouted(strike, witness).map(({ work }) => work)),
    moves: load === undefined ? [] : [load],
  })
  troubles.push(...mesh.failures(), ...observerTroubles(observer, strikes.length - blows.length))
  if (witness.unreadable > 0) troubles.push(`${witness.unreadable} lines of the witness file are none`)
  const { folder } = options
  return report({
    ...{
      folder,
      devices: DEVICES,
      work,
      verdict,
      troubles,
      observer,
      witness,
      spike: load,
      strikes,
      startedMs,
    },
    endedMs: observer.lastEndMs,
  })
}

/** Runs all side by side; when one fails the others are ended before its error is thrown. */
async function together(
  outer: AbortSignal,
  parts: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([outer, failed.signal])
  setMaxListeners(WAITS_MAX, signal)
  const results = await Promise.allSettled(
    parts.map(async (part) => {
      try {
        await part(signal)
      } catch (error) {
        failed.abort(error)
        throw error
      }
    }),
  )
  if (results.some(({ status }) => status === 'rejected')) throw signal.reason
}

/** What would make the observer's count worth less. @param expected losses of its connection, with the broker */
function observerTroubles({ losses, unheard, unreadable }: Observer, expected: number): string[] {
  return [
    ...(losses <= expected ? [] : [`the observer lost its connection ${losses} times, not ${expected}`]),
    ...(unheard === 0 ? [] : ['a coordinator took office unheard, so an end may have been missed']),
    ...(unreadable === 0 ? [] : [`the observer could not read ${unreadable} messages`]),
  ]
}

function state(observer: Observer, witness: Witness, work: Work): string {
  witness.look()
  const devices = DEVICES.map((id) => {
    const online = observer.devices.get(id)?.online === true
    return `${id} ${online ? witness.runningOn(id).size : 'gone'}`
  })
  const pieces = work.jobs.reduce((sum, job) => sum + job.pieces.length, 0)
  return `${observer.ended} of ${pieces} ended; ${devices.join(', ')}`
}

function timeUp(timeoutMs: number): CoveyError {
  return new CoveyError('E_WAIT_TIMEOUT', `the demo was not through within ${timeoutMs} ms`)
}
