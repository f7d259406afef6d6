/** Renders docs/protocol.md: the written introduction, then everything that the tables and schemas say. */

import type { TSchema } from 'typebox'
import { ARTIFACTS_MAX } from '../artifacts/names.ts'
import { FUNCTIONS_MAX, VALUE_JSON_BYTES_MAX } from '../functions/bounds.ts'
import { CHECKPOINT_BYTES_MAX } from '../model/checkpoint.ts'
import { formatDuration } from '../model/duration.ts'
import { formatQuantity } from '../model/quantity.ts'
import {
  DEFAULT_GRACE_MS,
  DEFAULT_PREDECESSOR_WAIT_MS,
  DEFAULT_PRIORITY,
  DEFAULT_RESOURCES,
  DEFAULT_RETRIES_FAILED,
  DEFAULT_RETRIES_LOST,
  DEFAULT_TIMEOUT_MS,
  DEFAULT_TTL_MS,
} from '../model/task.ts'
import { type Attempt as AttemptName, attemptKey, compareAttempts } from '../protocol/attempt.ts'
import {
  EXAMPLE_DEVICE,
  EXAMPLE_MESH,
  EXAMPLE_TASK,
  EXAMPLES,
  WITHDRAW_EXAMPLE,
} from '../protocol/examples.ts'
import { ELEMENTS_MAX, ID_CHARS_MAX, ID_PATTERN, pageName } from '../protocol/ids.ts'
import { NESTING_MAX } from '../protocol/nesting.ts'
import {
  AFTER_MAX,
  ARGS_MAX,
  ARRAY_BYTES_MAX,
  Attempt,
  AttemptResult,
  CANDIDATES_LISTED_MAX,
  Checkpoint,
  ElementResult,
  Failure,
  HANDOVER_BYTES_MAX,
  HeldAttempt,
  LABEL_CHARS_MAX,
  LABELS_MAX,
  PAYLOAD_BYTES_MAX,
  payloadBytesMax,
  Quantity,
  RESOURCES_MAX,
  RETRIES_MAX,
  Reign,
  RejectedAttempt,
  SCHEMAS,
  SentSpec,
  TASK_STATES,
  TaskSpec,
  TERMINAL_STATES,
  WHERE_MAX,
} from '../protocol/schemas/index.ts'
import { type Route, TOPIC_ROOT, TOPICS, type TopicRule, Topics } from '../protocol/topics.ts'
import { cell, type Schema, type Shape, schemaTable } from './schema-table.ts'

/** The schema as the JSON Schema it is, without the types it carries. */
const plain = (schema: TSchema): Schema => schema as unknown as Schema

const routes = Object.keys(TOPICS) as Route[]
const topics = new Topics(EXAMPLE_MESH)

/** Explained among the units; the other units are known by their format. */
const UNITS: readonly Shape[] = [{ name: 'quantity', anchor: 'names-and-units', schema: plain(Quantity) }]

/** Shapes that several messages share. */
const SHARED: readonly Shape[] = [
  { name: 'Reign', anchor: 'reign', schema: plain(Reign) },
  { name: 'Attempt', anchor: 'attempt', schema: plain(Attempt) },
  { name: 'Checkpoint', anchor: 'checkpoint', schema: plain(Checkpoint) },
  { name: 'Failure', anchor: 'failure', schema: plain(Failure) },
  { name: 'HeldAttempt', anchor: 'heldattempt', schema: plain(HeldAttempt) },
  { name: 'RejectedAttempt', anchor: 'rejectedattempt', schema: plain(RejectedAttempt) },
  { name: 'AttemptResult', anchor: 'attemptresult', schema: plain(AttemptResult) },
  { name: 'ElementResult', anchor: 'elementresult', schema: plain(ElementResult) },
]
/** Orders carry specs, read leniently. */
const SENT: Shape = { name: 'TaskSpec', anchor: 'spec', schema: plain(SentSpec) }
const SPEC: Shape = { name: 'TaskSpec', anchor: 'spec', schema: plain(TaskSpec) }

/** What the introduction may name as `{{NAME}}`, so that no number is spelled twice. */
const WORDS: Readonly<Record<string, string>> = {
  TOPIC_ROOT,
  ELEMENTS_MAX: ELEMENTS_MAX.toLocaleString('en-US'),
  ARRAY_KIB_MAX: String(ARRAY_BYTES_MAX / 1024),
  PAYLOAD_KIB_MAX: String(PAYLOAD_BYTES_MAX / 1024),
  HANDOVER_KIB_MAX: String(HANDOVER_BYTES_MAX / 1024),
  CHECKPOINT_KIB_MAX: String(CHECKPOINT_BYTES_MAX / 1024),
  ID_CHARS_MAX: String(ID_CHARS_MAX),
  TASK_STATES: TASK_STATES.map((state) => `\`${state}\``).join(', '),
  TERMINAL_STATES: TERMINAL_STATES.map((state) => `\`${state}\``).join(', '),
  DEFAULT_CPU: formatQuantity('cpu', DEFAULT_RESOURCES['cpu'] ?? 0),
  DEFAULT_MEMORY: formatQuantity('memory', DEFAULT_RESOURCES['memory'] ?? 0),
  DEFAULT_PRIORITY: String(DEFAULT_PRIORITY),
  DEFAULT_TIMEOUT: formatDuration(DEFAULT_TIMEOUT_MS),
  DEFAULT_GRACE: formatDuration(DEFAULT_GRACE_MS),
  DEFAULT_TTL: formatDuration(DEFAULT_TTL_MS),
  DEFAULT_PREDECESSOR_WAIT: formatDuration(DEFAULT_PREDECESSOR_WAIT_MS),
  DEFAULT_RETRIES_FAILED: String(DEFAULT_RETRIES_FAILED),
  DEFAULT_RETRIES_LOST: String(DEFAULT_RETRIES_LOST),
}

/**
 * The whole page.
 *
 * @param introduction Markdown with `{{NAME}}` where a constant belongs
 * @throws RangeError when it names a constant that does not exist
 */
export function protocolPage(introduction: string): string {
  const parts = [
    '<!-- Written by `npm run docs` from shared/docs/protocol-intro.md and the schemas; change those. -->',
    fillIn(introduction).trim(),
    '## Names and units',
    namesAndUnits(),
    '## Limits',
    limits(),
    '## Attempts and their order',
    attempts(),
    '## Topics',
    overview(),
    ...routes.map(section),
    '## Shared shapes',
    ...SHARED.map(shapeSection),
  ]
  return `${parts.join('\n\n')}\n`
}

function fillIn(text: string): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const word = WORDS[name]
    if (word === undefined)
      throw new RangeError(`the introduction names {{${name}}}, which is no constant of the page`)
    return word
  })
}

function namesAndUnits(): string {
  return [
    `- **id**: matches \`${ID_PATTERN}\`. Ids name meshes, devices and tasks, and stand in topics and file names.`,
    '- **duration**: one number and one unit of `ms`, `s`, `m`, `h`, `d`: `"500ms"`, `"1.5s"`, `"5m"`.',
    '- **quantity**: as Kubernetes writes them: a number, or text with one of `m`, `k`, `M`, `G`, `T`, `P`, `Ki`, `Mi`, `Gi`, `Ti`, `Pi`: `2`, `"500m"`, `"64Mi"`. Fractions round up to thousandths.',
    '- **instant**: ISO 8601 in UTC, with `Z`: `"2030-01-31T12:00:00Z"`. Instants inform people; no decision compares those of two machines, but for a spec’s `deadline`.',
    '- **name** of a label or resource: a letter, then letters, digits, `_`, `.`, `/`, `-`, at most 63 characters.',
    '- **text** is UTF-8; lengths count UTF-16 code units, as JSON Schema in JavaScript does.',
  ].join('\n')
}

function limits(): string {
  const rows: [string, number, string][] = [
    ['Payload of any topic but those below', PAYLOAD_BYTES_MAX, 'bytes'],
    ['Payload of an array’s spec', ARRAY_BYTES_MAX, 'bytes'],
    ['Payload of an inbox', payloadBytesMax('inbox'), 'bytes'],
    ['Elements of an array', ELEMENTS_MAX, ''],
    ['Nesting of a spec, of a function’s value and of a checkpoint', NESTING_MAX, 'levels'],
    ['Id', ID_CHARS_MAX, 'characters'],
    ['Labels of a device', LABELS_MAX, ''],
    ['Value of a label', LABEL_CHARS_MAX, 'characters'],
    ['Resources of a device or a task', RESOURCES_MAX, ''],
    ['Requirements in `where`', WHERE_MAX, ''],
    ['Tasks in `after`', AFTER_MAX, ''],
    ['Output of predecessors in an input', HANDOVER_BYTES_MAX, 'bytes'],
    ['Arguments in `run.exec`, `run.container.argv` and `run.wasm.args`', ARGS_MAX, ''],
    ['Artifacts of a task', ARTIFACTS_MAX, ''],
    ['Functions of a device', FUNCTIONS_MAX, ''],
    ['Value that a function returns, as JSON', VALUE_JSON_BYTES_MAX, 'bytes'],
    ['Checkpoint, as JSON', CHECKPOINT_BYTES_MAX, 'bytes'],
    ['Each of `retries`', RETRIES_MAX, ''],
    ['Candidates in a beacon', CANDIDATES_LISTED_MAX, ''],
  ]
  return [
    '| what | at most |',
    '|---|---|',
    ...rows.map(([what, most, unit]) => `| ${what} | ${`${most} ${unit}`.trim()} |`),
  ].join('\n')
}

function attempts(): string {
  const names: AttemptName[] = [
    { term: 13, agent: 'nuc-1', n: 1 },
    { term: 12, agent: 'pi-7', n: 2 },
    { term: 12, agent: 'nuc-1', n: 4711 },
    { term: 12, agent: 'nuc-1', n: 90 },
  ]
  const ordered = names.sort(compareAttempts).map((name) => `\`${attemptKey(name)}\``)
  return [
    'A *reign* is `(term, agent)`: a term grows with every new holder of the seat, and the agent breaks the tie when two',
    'could not know of each other. An *attempt* is one dispatch of a task to one device and is named `(term, agent, n)`,',
    'with `n` counting within the reign. In file names and logs it is written `term.agent.n`. Order is by term, then agent',
    '(by code unit), then `n`; later is greater:',
    '',
    `${ordered.join(' < ')}.`,
  ].join('\n')
}

function overview(): string {
  const rows = routes.map((route) => {
    const rule: TopicRule = TOPICS[route]
    const pattern = shown(rule.pattern)
    const retained = rule.retained ? 'yes' : 'no'
    return `| [\`${pattern}\`](#${route}) | ${rule.writers.join(', ')} | ${rule.qos} | ${retained} | ${cell(rule.about)} |`
  })
  return [
    `All below \`${TOPIC_ROOT}/<mesh>/\`. A broker with credentials lets only the writers publish.`,
    '',
    '| topic | writer | QoS | retained | content |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function section(route: Route): string {
  const rule: TopicRule = TOPICS[route]
  const schema = plain(SCHEMAS[route])
  const strict = schema.additionalProperties === false
  const parts = [
    `### ${route}`,
    `\`${TOPIC_ROOT}/<mesh>/${shown(rule.pattern)}\`, written by ${rule.writers.join(', ')}, QoS ${rule.qos}, ${rule.retained ? 'retained' : 'not retained'}.`,
    `${rule.about}.`,
    strict ? 'An unknown field is an error.' : 'Unknown fields are ignored, so that versions can mix.',
    schemaTable(schema, route === 'spec' ? [...UNITS, ...SHARED] : [...UNITS, ...SHARED, SENT, SPEC]),
    `Example, on \`${exampleTopic(route)}\`:`,
    json(EXAMPLES[route]),
  ]
  if (route === 'spec') parts.push('Or, to withdraw the task:', json(WITHDRAW_EXAMPLE))
  return parts.join('\n\n')
}

const shown = (pattern: string): string => pattern.replace(':id', '<id>').replace(':page', '<page>')

function exampleTopic(route: Route): string {
  if (route === 'results') {
    const { task, term, agent, page } = EXAMPLES.results
    return topics.ofPage(task, pageName(term, agent, page))
  }
  return topics.of(route, TOPICS[route].pattern.startsWith('devices/') ? EXAMPLE_DEVICE : EXAMPLE_TASK)
}

function shapeSection(shape: Shape): string {
  const others = SHARED.filter((other) => other !== shape)
  const about = shape.schema.description === undefined ? [] : [`${shape.schema.description}.`]
  return [`### ${shape.name}`, ...about, schemaTable(shape.schema, [...UNITS, ...others, SPEC])].join('\n\n')
}

function json(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``
}
