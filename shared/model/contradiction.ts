/**
 * Contradictions: what a spec asks for that can never hold, whatever devices there are or come. Who submits finds them
 * before anything is sent, and a coordinator ends the task at once; what only the present fleet cannot do waits.
 */
import { type Rejection, rejection } from '../errors/errors.ts'
import type { TaskSpec } from '../protocol/schemas/task.ts'
import { GPU, GPU_MILLI, GPUS_MAX } from './gpus.ts'
import { parseQuantity } from './quantity.ts'
import { BY_DEVICE, compileSelector, neverHolds, type Selector } from './selector.ts'

const COMPARE =
  'Compare with a plain number, as in ">= 4"; a list such as ["a", "b"] names values that will do'

/** The first contradiction in the spec, with its place; `undefined` when there is none. The spec must fit its schema. */
export function contradiction(spec: TaskSpec): Rejection | undefined {
  const wheres: [path: string, where: Selector | undefined][] = [['/where', spec.where]]
  for (const [index, { where }] of (spec.prefer ?? []).entries())
    wheres.push([`/prefer/${index}/where`, where])
  for (const [path, where] of wheres) {
    for (const [label, wanted] of Object.entries(where ?? {})) {
      const why = neverHolds(wanted)
      if (why === undefined) continue
      return rejection('E_CONTRADICTION', `${path}/${pointer(label)}`, why, COMPARE)
    }
  }
  return tooManyGpus(spec) ?? nearAndApart(spec)
}

/** A slash in a label's name, as JSON pointers write it (RFC 6901). */
const pointer = (label: string): string => label.replaceAll('/', '~1')

/** No device counts more of its GPUs, however many it has. */
function tooManyGpus({ resources }: TaskSpec): Rejection | undefined {
  const asked = resources?.[GPU]
  if (asked === undefined || (parseQuantity(asked) ?? 0) <= GPUS_MAX * GPU_MILLI) return undefined
  const message = `${JSON.stringify(asked)} GPUs are never on one device: it offers at most ${GPUS_MAX}`
  return rejection('E_CONTRADICTION', `/resources/${GPU}`, message, 'Ask for fewer, by several tasks perhaps')
}

/** Where something of a group is, something of it is not missing. */
function nearAndApart({ where, near = [], apart = [] }: TaskSpec): Rejection | undefined {
  const everyoneHas = labelsOfAll(where)
  for (const { group, by = BY_DEVICE } of near) {
    for (const [index, from] of apart.entries()) {
      const { by: apartBy = BY_DEVICE } = from
      // What is on the device itself is in the same place by every label that the device has.
      const within = by === apartBy || (by === BY_DEVICE && everyoneHas.has(apartBy))
      if (from.group !== group || !within) continue
      const message = `it must be near group ${group} ${inPlace(by)}, and apart from it ${inPlace(apartBy)}`
      const remedy =
        'Leave one of them out, or be near by a wider label than apart: near by zone, apart by device'
      return rejection('E_CONTRADICTION', `/apart/${index}`, message, remedy)
    }
  }
  return undefined
}

const inPlace = (by: string): string => (by === BY_DEVICE ? 'on the same device' : `in the same ${by}`)

/** Labels that every device has which meets the selector. */
function labelsOfAll(where: Selector | undefined): Set<string> {
  return new Set(
    compileSelector(where)
      .filter(({ test }) => !test(undefined))
      .map(({ key }) => key),
  )
}

/**
 * Whether the task's deadline has passed before anyone could begin it.
 *
 * @param wallMs the wall clock of whoever asks
 */
export function pastDeadline({ deadline }: TaskSpec, wallMs: number): Rejection | undefined {
  if (deadline === undefined || Date.parse(deadline) > wallMs) return undefined
  const message = `the deadline ${deadline} has passed; it is ${new Date(wallMs).toISOString()}`
  const remedy = 'Name a later instant; if it is later, see whether the clocks agree'
  return rejection('E_DEADLINE', '/deadline', message, remedy)
}
