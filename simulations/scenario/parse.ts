/** Reads a scenario from YAML. What is wrong with it is said with line, column and what was expected there. */
import { Ajv, type ErrorObject } from 'ajv'
import { didYouMean } from '../../shared/errors/suggest.ts'
import { parseDuration } from '../../shared/model/duration.ts'
import { parseQuantity } from '../../shared/model/quantity.ts'
import { isId } from '../../shared/protocol/ids.ts'
import { checkMeaning } from './check.ts'
import { type Expectation, FIGURES, readExpectation } from './expect.ts'
import { type Path, Positions, type ScenarioError } from './positions.ts'
import { DEFAULTS, ms, type Scenario, timingOf } from './scenario.ts'
import { ScenarioFile } from './schema.ts'

export const SCENARIO_CHARS_MAX = 1_000_000

const ajv = new Ajv({
  strict: true,
  strictTypes: false,
  allowUnionTypes: true,
  verbose: true,
  allErrors: true,
  formats: {
    id: isId,
    duration: (text: string) => parseDuration(text) !== undefined,
    quantity: (text: string) => parseQuantity(text) !== undefined,
  },
})
const validate = ajv.compile(ScenarioFile as object)

/**
 * Reads a scenario.
 *
 * @param source the file's name, for messages
 * @throws ScenarioError (E_SCENARIO) about the first thing that is wrong
 */
export function parseScenario(text: string, source: string): Scenario {
  const positions = new Positions(text.slice(0, SCENARIO_CHARS_MAX), source)
  if (text.length > SCENARIO_CHARS_MAX) {
    throw positions.error([], `the file has more than ${SCENARIO_CHARS_MAX} characters`, 'Make it shorter')
  }
  const content = positions.content()
  if (!validate(content)) throw explain(positions, validate.errors ?? [])
  const file = content as ScenarioFile
  const scenario: Scenario = {
    name: file.name,
    about: file.about.trim(),
    durationMs: ms(file.duration, 0),
    settleMs: ms(file.settle, DEFAULTS.settleMs),
    variant: file.broker ?? DEFAULTS.variant,
    ...(file.strategy === undefined ? {} : { strategy: file.strategy }),
    ...(file.objective === undefined ? {} : { objective: file.objective }),
    ...(file.improve === undefined ? {} : { improve: file.improve }),
    submitters: file.submitters ?? DEFAULTS.submitters,
    timing: timingOf(file.timing),
    fleet: file.fleet,
    tasks: file.tasks,
    faults: file.faults ?? [],
    operations: file.operations ?? [],
    expectations: readExpectations(positions, file.expect),
    outages: new Map(),
  }
  checkMeaning(scenario, positions)
  return scenario
}

function readExpectations(positions: Positions, expect: ScenarioFile['expect']): Expectation[] {
  return Object.entries(expect).map(([figure, written]) => {
    const read = readExpectation(figure, written)
    if (typeof read !== 'string') return read
    if (!Object.hasOwn(FIGURES, figure)) {
      throw positions.keyError(['expect'], figure, read, `Use one of: ${Object.keys(FIGURES).join(', ')}`)
    }
    const remedy = 'Write a number, or a comparison like "<= 5s", ">= 99%" or "> 100"'
    throw positions.error(['expect', figure], read, remedy)
  })
}

const FORMATS: Readonly<Record<string, string>> = {
  id: '1 to 64 letters, digits, "_" and "-", the first a letter or digit',
  duration: 'a duration like 500ms, 30s, 5m or 2h',
  quantity: 'a quantity like 500m, 2, 64Mi or 1.5Gi',
}

/** Which errors say most: a misspelt key explains a missing one, and "matches none of the forms" says least. */
function rank({ keyword }: ErrorObject): number {
  if (keyword === 'additionalProperties') return 0
  if (keyword === 'required') return 2
  return keyword === 'anyOf' || keyword === 'const' ? 3 : 1
}

function explain(positions: Positions, errors: readonly ErrorObject[]): ScenarioError {
  const [error] = [...errors].sort((a, b) => rank(a) - rank(b))
  if (error === undefined) return positions.error([], 'it is no scenario', 'See docs/simulation.md')
  const path = pathOf(error.instancePath)
  if (error.keyword === 'additionalProperties') {
    const key = String(error.params['additionalProperty'])
    const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {})
    const remedy =
      known.length > 0
        ? `${didYouMean(key, known)}Expected one of: ${known.join(', ')}`
        : 'Expected a name of letters, digits, ".", "_", "/" and "-"'
    return positions.keyError(path, key, `unknown key ${JSON.stringify(key)}`, remedy)
  }
  if (error.keyword === 'required') {
    const key = String(error.params['missingProperty'])
    const properties = error.parentSchema?.['properties'] as
      | Record<string, { description?: string }>
      | undefined
    return positions.error(
      path,
      `${JSON.stringify(key)} is missing`,
      `Expected ${key}: ${properties?.[key]?.description ?? ''}`,
    )
  }
  const shown = JSON.stringify(error.data) ?? 'nothing'
  const short = shown.length <= 60 ? shown : `${shown.slice(0, 57)}…`
  if (error.keyword === 'enum') return positions.error(path, `${short} is not known here`, oneOf(error))
  const expected = expectedBy(error)
  return positions.error(path, `${short} is not ${expected}`, `Expected ${expected}${aboutOf(error)}`)
}

function oneOf({ data, schema }: ErrorObject): string {
  const known = (schema as readonly unknown[]).map(String)
  return `${didYouMean(String(data), known)}Expected one of: ${known.join(', ')}`
}

function expectedBy({ keyword, schema, parentSchema, message }: ErrorObject): string {
  if (keyword === 'format') return FORMATS[String(schema)] ?? String(schema)
  if (keyword === 'type') {
    if (parentSchema?.['format'] !== undefined)
      return FORMATS[String(parentSchema['format'])] ?? String(schema)
    return `of type ${[schema].flat().join(' or ')}`
  }
  return (message ?? 'allowed here')
    .replace(/^must (?:be|NOT have)/, (must) => (must === 'must be' ? '' : 'without'))
    .trim()
}

function aboutOf({ parentSchema }: ErrorObject): string {
  const about = parentSchema?.['description']
  return typeof about === 'string' ? ` (${about})` : ''
}

/** A JSON pointer as a path; numbers index lists. */
function pathOf(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
}
