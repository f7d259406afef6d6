/**
 * A load spike: while surveys are under way, greedy work takes most of a device's memory, and the mesh has to move a
 * survey off it. The greedy work lets go when the survey has begun elsewhere.
 */
import { writeFileSync } from 'node:fs'
import type { Client } from '../client.ts'
import type { Observer } from './observer.ts'
import type { Submission } from './submission.ts'
import { until } from './until.ts'
import type { Life, Witness } from './witness.ts'
import type { Job, Work } from './work.ts'

/** What came of the load. Times are milliseconds of `performance.now()`. */
export interface Spike {
  readonly device: string
  /** When the greedy work began. */
  readonly loadedAtMs: number
  /** What the coordinator said of the move. */
  readonly message: string
  /** The attempt that was moved away, and the next of the same task. */
  readonly from: Life
  readonly to: Life
}

export interface Calm {
  readonly observer: Observer
  readonly witness: Witness
  readonly work: Pick<Work, 'surveys' | 'greedy' | 'letGo'>
  readonly submission: Submission
  readonly tell: (text: string) => void
}

/** Resolves when a survey has been moved. @throws what the signal is aborted with, or handing work in throws */
export async function spike(scene: Calm, client: Client, signal: AbortSignal): Promise<Spike> {
  const { observer, witness, work, submission, tell } = scene
  await until(observer, () => work.surveys.every((job) => running(witness, job) !== undefined), signal)
  const device = deviceFor(scene)
  const greedy = work.greedy(device)
  await submission.hand(client, greedy, signal)
  try {
    await until(observer, () => running(witness, greedy) !== undefined, signal)
    const { beginMs: loadedAtMs } = running(witness, greedy) as Life
    tell(`${greedy.id} takes the memory of ${device}`)
    let found: Spike | undefined
    const isMoved = () => {
      witness.look()
      found = work.surveys.map(({ id }) => moveOf(id)).find((one) => one !== undefined)
      return found !== undefined
    }
    const moveOf = (task: string): Spike | undefined => {
      const moves = observer.tasks.get(task)?.status.moves
      const [from, to] = witness.lives.get(task) ?? []
      if (moves?.from !== device || from === undefined || to === undefined) return undefined
      return { device, loadedAtMs, message: moves.why, from, to }
    }
    await until(observer, isMoved, signal)
    const { from, to, message } = found as Spike
    witness.cut(from)
    tell(`${from.work} is ${message}`)
    tell(`${from.work} goes on on ${to.device}`)
    return found as Spike
  } finally {
    writeFileSync(work.letGo, '')
  }
}

/** One that runs a survey; not the coordinator if that can be. */
function deviceFor({ observer, witness, work }: Calm): string {
  const devices = work.surveys.map((job) => (running(witness, job) as Life).device)
  return devices.find((device) => device !== observer.coordinator) ?? (devices[0] as string)
}

function running(witness: Witness, job: Job): Life | undefined {
  witness.look()
  return witness.lives.get(job.id)?.find(({ ended }) => !ended)
}
