/** docs/simulation.md: the guide, and after it every key, fault and figure in tables made from what the code knows. */
import { MOMENT_WEIGHTS, type Moment } from '../faults/moments.ts'
import { FAULT_WEIGHTS, type FaultKind } from '../faults/plan.ts'
import { FIGURES } from './expect.ts'
import { DeviceClass, FaultRow, Operation, ScenarioFile, Targets, TaskClass } from './schema.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly const?: string
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
}

/** Of every kind: what it does. What `size` changes is said where it changes something. */
const FAULTS: Readonly<Record<FaultKind, string>> = {
  crash: 'The agent is killed and started again after `duration`; what it ran goes on without it',
  'crash-loop': 'The agent is killed and started again, every few seconds, until `duration` is over',
  power: 'The device loses its power and boots again',
  'reboot-offline':
    'The device is cut off from the broker, loses its power, and boots before its link is back',
  wipe: 'The device loses its power and comes back with an empty disk',
  'crash-holder': '`crash` of who holds the seat; the same as `crash` with `targets: coordinator`',
  'power-holder': '`power` of who holds the seat',
  pause: 'The agent stands still, as under SIGSTOP; clocks and processes go on',
  'pause-holder': '`pause` of who holds the seat',
  suspend: 'The device sleeps: its monotonic clock and its agent stand still',
  partition: 'The device is cut off from the broker',
  'partition-holder': '`partition` of who holds the seat',
  swizzle: 'Links are clogged one after another, and freed in another order',
  'one-way': 'One direction is cut: with `size` below 0.5 to the broker, else from it',
  'one-way-holder': '`one-way` of who holds the seat',
  'half-open': 'Connections are dead without either end knowing; new ones work',
  'half-open-holder': '`half-open` of who holds the seat',
  'seat-lost-holder': 'The seat’s connection breaks, with what is under way in it; the device’s own stays',
  'copy-lost-holder':
    'The connection breaks over which who holds the seat follows the mesh, as every device does; the seat’s stays',
  flap: 'Connections are reset again and again',
  'slow-link': 'Messages take longer, by up to 400 ms times `size` and half as much again',
  'uneven-link':
    'Each connection is delayed by a time of its own, up to 400 ms times `size`: what is sent on one overtakes another',
  redelivery: 'The broker sends a share `size` of QoS 1 messages a second time, up to 3 s later',
  'slow-consumer': 'The broker drops a share `size` of the QoS 0 messages for the device',
  'broker-stall': 'The broker answers nobody',
  'broker-restart': 'The broker dies and starts again with its store after `duration`',
  'broker-upgrade':
    'The broker is stopped in order and starts again; of a cluster one server after another within `duration`',
  'broker-wipe': 'The broker starts again without its store; nothing is promised of what it had acknowledged',
  'disk-slow': 'Writing the journal takes longer, by up to 800 ms times `size`',
  'disk-full': 'Writing the journal fails',
  'clock-jump': 'The wall clock is set by up to an hour: back with `size` below 0.5, else forward',
  'slow-device': 'The device computes slower, with `size` 1 six times',
  busy: 'The device measures load that nobody placed there: all that it has, times `size`',
  leave: 'The agent is stopped in order and started again',
  'mass-departure': 'Devices lose their power or their agent, all at once',
}

/** Of every moment: what it is. */
const MOMENTS: Readonly<Record<Moment, string>> = {
  beacon: 'A coordinator says that it is in office',
  marker: 'A new coordinator asks whether its copy of the mesh is complete',
  assigned: 'A device is given work',
  acknowledged: 'A device is told that its result has been taken',
  revoked: 'A device is told to end something',
  reported: 'A device tells of results',
  told: 'A status that is not the last',
  ended: 'The terminal status of a task',
  cleared: 'The coordinator takes a spec away',
  submitted: 'A spec is submitted',
  died: 'The broker tells of a coordinator’s death',
}

/**
 * The whole page.
 *
 * @param guide the text before the tables
 */
export function simulationPage(guide: string): string {
  return [
    guide.trimEnd(),
    '',
    '# Reference',
    '',
    'These tables are made from the code; `npx vitest run --project simulation simulations/scenario/reference -u` writes them.',
    '',
    'A duration is like `500ms`, `30s`, `5m` or `2h`, a quantity like `500m`, `2`, `64Mi` or `1.5Gi`. A key that no table',
    'names is refused.',
    '',
    ...section('The scenario', ScenarioFile, ['fleet', 'tasks', 'faults', 'operations']),
    ...section('Fleet: a class of devices', DeviceClass),
    ...section('Tasks: a class of tasks', TaskClass),
    ...section('Faults', FaultRow, ['targets']),
    'Exactly one of `at`, `every`, `rate`, `probability` and `trace` says when.',
    '',
    ...section('Targets', Targets),
    ...section('Operations', Operation, ['targets']),
    '## Kinds of faults',
    '',
    '| kind | what happens |',
    '|---|---|',
    ...Object.keys(FAULT_WEIGHTS).map((kind) => `| \`${kind}\` | ${FAULTS[kind as FaultKind]} |`),
    '',
    '## Moments',
    '',
    'A fault with `upon` strikes when the broker has accepted such a message, or a few milliseconds later.',
    '',
    '| moment | what it is |',
    '|---|---|',
    ...Object.keys(MOMENT_WEIGHTS).map((moment) => `| \`${moment}\` | ${MOMENTS[moment as Moment]} |`),
    '',
    '## Expectations',
    '',
    'A figure, and a number or a comparison with one: `lost: 0`, `terms: "> 5"`, `latency.ended.p99: "<= 5s"`,',
    '`share.succeeded: ">= 99%"`. A figure that was never measured meets no expectation. Percentiles are at most 1 % too high.',
    '',
    '| figure | unit | what it is |',
    '|---|---|---|',
    ...Object.entries(FIGURES).map(([name, { unit, about }]) => `| \`${name}\` | ${unit} | ${about} |`),
    '',
  ].join('\n')
}

function section(title: string, schema: object, closed: readonly string[] = []): string[] {
  const rows = rowsOf(schema as Schema, '', closed)
  return [`## ${title}`, '', '| key | value | required | what it says |', '|---|---|---|---|', ...rows, '']
}

/** One row a key; objects within are opened, unless they have a section of their own. */
function rowsOf(
  { properties = {}, required = [] }: Schema,
  prefix: string,
  closed: readonly string[],
): string[] {
  return Object.entries(properties).flatMap(([key, field]) => {
    const list = field.items !== undefined
    const about = (field.description ?? '').replaceAll('|', '\\|')
    const row = `| \`${prefix}${key}\` | ${formOf(field)} | ${required.includes(key) ? 'yes' : ''} | ${about} |`
    const inner = list ? field.items : field
    if (inner?.properties === undefined || closed.includes(key)) return [row]
    return [row, ...rowsOf(inner, `${prefix}${key}${list ? '[]' : ''}.`, [])]
  })
}

function formOf(field: Schema): string {
  if (field.enum !== undefined) return field.enum.map((item) => `\`${item}\``).join(', ')
  if (field.const !== undefined) return `\`${field.const}\``
  if (field.anyOf !== undefined) return field.anyOf.map(formOf).join(' or ')
  if (field.format !== undefined) return field.format
  if (field.items !== undefined && field.type === 'array') return `list of ${formOf(field.items)}`
  const value = Object.values(field.patternProperties ?? {})[0]
  if (value !== undefined) return `map to ${formOf(value)}`
  if (field.type === 'integer' || field.type === 'number') return `${field.type}${rangeOf(field)}`
  return field.type === 'string' ? 'text' : [field.type ?? 'any'].flat().join(', ')
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (exclusiveMinimum !== undefined && maximum !== undefined)
    return ` above ${exclusiveMinimum}, at most ${maximum}`
  return ''
}
