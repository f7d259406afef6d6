/**
 * How a simulated task behaves. It is written into its spec as `run.exec = ['sim', <JSON>]`, so that whichever
 * device runs it, and however often, behaves the same. An element of an array has it as its input.
 */
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'

export interface Behaviour {
  /** How long it runs when nobody ends it, in milliseconds. */
  readonly ms: number
  /** How it ends then; `hangs` never ends by itself. */
  readonly ends: 'succeeds' | 'fails' | 'hangs'
  /** Whether it goes on after TERM, until KILL. */
  readonly ignoresTerm?: boolean
  /** How many pieces of output it writes while it runs; all of them are in its result. */
  readonly prints?: number
  /**
   * How many checkpoints it publishes, spread evenly over its time, and one more when it is told to end: how much of its
   * time is done, as text in milliseconds. Whoever is given one runs only the rest.
   */
  readonly checkpoints?: number
  /** The command does not exist on any device. */
  readonly missing?: boolean
}

export const PROGRAM = 'sim'
const SHORT: Behaviour = { ms: 100, ends: 'succeeds' }
const known = new WeakMap<TaskSpec, Behaviour>()

/** The `run` of a spec that behaves so. */
export function runOf(behaviour: Behaviour): TaskSpec['run'] {
  return { exec: [PROGRAM, JSON.stringify(behaviour)] }
}

/** The spec of an array whose elements behave so. */
export function arrayOf(behaviours: readonly Behaviour[]): TaskSpec {
  return { run: { exec: [PROGRAM] }, array: [...behaviours] }
}

/** The behaviour of a spec; commands that are not the simulator's are short and succeed. */
export function behaviourOf(spec: TaskSpec): Behaviour {
  let behaviour = known.get(spec)
  if (behaviour === undefined) {
    const [program, text] = 'exec' in spec.run ? spec.run.exec : []
    if (program !== PROGRAM) behaviour = SHORT
    else if (text !== undefined) behaviour = JSON.parse(text) as Behaviour
    else behaviour = (inputOf(spec) ?? SHORT) as Behaviour
    known.set(spec, behaviour)
  }
  return behaviour
}

/** The input as it was submitted: beside what predecessors put out it has a place of its own. */
function inputOf({ after, input }: TaskSpec): unknown {
  return after === undefined ? input : (input as { input?: unknown } | undefined)?.input
}
