/** The tasks of `covey plan -f FILE`: YAML or JSON, specs by id or a list of them. */
import { checkBody } from '../../shared/protocol/codec.ts'
import { isId } from '../../shared/protocol/ids.ts'
import { ARRAY_BYTES_MAX, type TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { InvalidSpecError } from '../submit.ts'
import { wrongValue } from './values.ts'
import { readYamlFile } from './yaml-text.ts'

/** Tasks of one file. */
export const PLANNED_MAX = 10_000

const FORM = 'Write a mapping from ids to specs, a list of specs, or one spec'

export interface Planned {
  readonly id: string
  readonly spec: TaskSpec
}

/**
 * Reads the file. Specs of a list are called task-1, task-2 and so on.
 *
 * @throws CoveyError E_USAGE when it cannot be read or holds no tasks; InvalidSpecError for a wrong spec, with its id
 */
export function readPlanFile(name: string): Planned[] {
  const value = readYamlFile(name, ARRAY_BYTES_MAX, FORM)
  const entries = entriesOf(name, value)
  if (entries.length === 0) throw wrongValue(name, 'there is no task in it', FORM)
  if (entries.length > PLANNED_MAX) {
    throw wrongValue(
      name,
      `${entries.length} tasks are more than ${PLANNED_MAX}`,
      'Plan fewer tasks at a time',
    )
  }
  return entries.map(([id, spec]) => {
    if (!isId(id)) {
      const remedy = 'Use 1 to 64 letters, digits, "_" and "-", the first a letter or digit'
      throw wrongValue(name, `${JSON.stringify(id)} is not an id`, remedy)
    }
    const fault = checkBody('spec', spec)
    if (fault !== undefined) throw new InvalidSpecError({ ...fault, path: `${id}${fault.path}` })
    return { id, spec: spec as TaskSpec }
  })
}

function entriesOf(name: string, value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.map((spec, index) => [`task-${index + 1}`, spec])
  if (typeof value !== 'object' || value === null) throw wrongValue(name, 'it holds no tasks', FORM)
  return 'run' in value ? [['task-1', value]] : Object.entries(value)
}
