/** Who a device says it is: its id and its labels, checked before anything is published. */
import { hostname } from 'node:os'
import { CoveyError } from '../../shared/errors/errors.ts'
import { ERRORS } from '../../shared/errors/table.ts'
import { GPU, GPUS_MAX, isGpuCapacity } from '../../shared/model/gpus.ts'
import { parseQuantity } from '../../shared/model/quantity.ts'
import { ID_CHARS_MAX, isId } from '../../shared/protocol/ids.ts'
import { LABEL_CHARS_MAX, LABELS_MAX, RESOURCES_MAX } from '../../shared/protocol/schemas/index.ts'

/** Names of labels and resources, as the protocol's schemas have them. */
const NAME = /^[A-Za-z][A-Za-z0-9_./-]{0,62}$/

/** The host name made an id: what an id may not hold becomes "-". */
export function defaultDeviceId(name: string = hostname()): string {
  const id = name
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, ID_CHARS_MAX)
    .replace(/-+$/, '')
  return isId(id) ? id : 'device'
}

/** @throws CoveyError E_USAGE naming what it is and what ids look like */
export function checkId(what: string, id: string): string {
  if (isId(id)) return id
  throw new CoveyError('E_USAGE', `${what} ${JSON.stringify(id)} is not an id`, {
    remedy: ERRORS.E_ID.remedy,
  })
}

/** @throws CoveyError E_USAGE when a label would not be taken by others */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  checkNames('label', labels, LABELS_MAX)
  for (const [name, value] of Object.entries(labels)) {
    if (value.length <= LABEL_CHARS_MAX) continue
    throw new CoveyError('E_USAGE', `label ${name} has ${value.length} characters`, {
      remedy: `Use at most ${LABEL_CHARS_MAX}`,
    })
  }
}

/** @throws CoveyError E_USAGE when a resource has no usable name, there are too many, or a GPU is not a whole one */
export function checkResources(capacity: Readonly<Record<string, string | number>>): void {
  checkNames('resource', capacity, RESOURCES_MAX)
  const gpus = capacity[GPU] ?? 0
  const milli = parseQuantity(gpus) ?? 0
  if (isGpuCapacity(milli)) return
  throw new CoveyError('E_USAGE', `capacity gpu: ${JSON.stringify(gpus)} is no number of GPUs`, {
    remedy: `Give a whole number up to ${GPUS_MAX}: a device offers whole GPUs, and tasks ask for shares of one`,
  })
}

function checkNames(what: string, named: Readonly<Record<string, unknown>>, countMax: number): void {
  const names = Object.keys(named)
  if (names.length > countMax) {
    throw new CoveyError('E_USAGE', `${names.length} ${what}s`, { remedy: `Use at most ${countMax}` })
  }
  const odd = names.find((name) => !NAME.test(name))
  if (odd === undefined) return
  throw new CoveyError('E_USAGE', `${what} ${JSON.stringify(odd)} is not a name`, {
    remedy: 'Use up to 63 letters, digits, "_", ".", "/" and "-", the first a letter',
  })
}
