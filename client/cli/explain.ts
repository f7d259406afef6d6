/** `covey explain`: where a task stands, why, and what happened to it so far. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { isWithdraw } from '../../shared/protocol/codec.ts'
import { valueBytes } from '../../shared/protocol/json-text.ts'
import type { Run, TaskSpec, TaskStatus, Withdraw } from '../../shared/protocol/schemas/index.ts'
import type { Client } from '../client.ts'
import { age } from './ages.ts'
import { progressOf } from './array-output.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { paint, stateColour } from './paint.ts'
import { refusedSettings } from './refused-settings.ts'
import { printable } from './text-width.ts'

/** @throws CoveyError E_NO_TASK, and what the client throws */
export async function run(
  context: Context,
  values: Values<OptionsOf<'explain'>>,
  operands: readonly string[],
): Promise<number> {
  const id = operands[0] as string
  return withClient(context, values, async (client) => {
    const [status, spec] = await Promise.all([client.status(id), client.spec(id)])
    if (status === undefined && spec === undefined) throw await noSuchTask(client, id)
    if (values.json === true) {
      context.stdout.write(`${JSON.stringify({ id, status, spec }, undefined, 2)}\n`)
      return 0
    }
    const rows = status === undefined ? await untaken(client, id) : told(context, status)
    if (status?.state === 'pending') {
      const coordinator = await client.coordinator()
      if (coordinator !== undefined) rows.push(...refusedSettings(coordinator.beacon))
    }
    if (spec !== undefined) rows.push(...wished(spec))
    if (values.history === true && status !== undefined) rows.push(...decisions(status))
    const width = Math.max(...rows.map(([name]) => name.length)) + 2
    for (const [name, value] of rows) context.stdout.write(`${name.padEnd(width)}${value}\n`)
    return 0
  })
}

type Rows = [name: string, value: string][]

/** Why there is no such task; tells a mistyped id from a mesh that has no coordinator. */
export async function noSuchTask(client: Client, id: string): Promise<CoveyError> {
  if ((await client.spec(id)) !== undefined) {
    return new CoveyError(
      'E_WAIT_TIMEOUT',
      `task ${id} is submitted, but no coordinator has taken it up yet`,
      {
        remedy: 'See covey get coordinator; start an agent with covey agent',
      },
    )
  }
  return new CoveyError('E_NO_TASK', `mesh ${client.mesh} knows no task ${id}`)
}

async function untaken(client: Client, id: string): Promise<Rows> {
  const coordinator = await client.coordinator({ live: true })
  const why =
    coordinator?.live === true
      ? `coordinator ${coordinator.beacon.agent} has not taken it up yet`
      : 'no coordinator is in office; start an agent with "covey agent", the broker keeps the task'
  return [
    ['Task', id],
    ['State', 'submitted'],
    ['Why', why],
  ]
}

function told(context: Context, status: TaskStatus): Rows {
  const colour = stateColour(status.state)
  const rows: Rows = [
    ['Task', status.task],
    ['State', colour === undefined ? status.state : paint(context, context.stdout, colour, status.state)],
  ]
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') rows.push([name, printable(value)])
  }
  add('Why', status.explanation)
  const reasons = Object.entries(status.reasons ?? {}).sort((a, b) => b[1] - a[1])
  reasons.forEach(([reason, count], i) => {
    add(i === 0 ? 'Reasons' : '', `${count} × ${reason}`)
  })
  if (status.error !== undefined) {
    add(
      'Error',
      `${status.error.code}: ${status.error.message}${status.error.path ? ` (at ${status.error.path})` : ''}`,
    )
    add('Remedy', status.error.remedy)
  }
  add('Device', status.device)
  if (status.array !== undefined) add('Elements', progressOf(status))
  add('Attempts', `${status.attempts} (${status.failed} failed, ${status.lost} lost)`)
  if (status.attempt !== undefined)
    add('Attempt', `${status.attempt.n} in term ${status.attempt.term} of ${status.attempt.agent}`)
  if (status.duplicates !== undefined)
    add('Duplicates', `${status.duplicates} results of other attempts were discarded`)
  if (status.moves !== undefined) add('Moved', lastOf(status.moves))
  if (status.preemptions !== undefined) add('Preempted', lastOf(status.preemptions))
  add('Checkpoint', checkpointOf(status))
  add('Result', resultOf(status))
  if (status.refused !== undefined)
    add('Refused', `other content under this id: ${status.refused.error.message}`)
  add('Decided by', `${status.agent} in term ${status.term}`)
  const { times } = status
  for (const [name, instant] of Object.entries({
    Seen: times.seen,
    Assigned: times.assigned,
    Started: times.started,
    Ended: times.ended,
  })) {
    if (instant !== undefined) add(name, `${instant} (${age(instant, Date.now())} ago)`)
  }
  return rows
}

/** Something that happened so often: when it did last, and why. */
function lastOf({ count, why, at }: { count: number; why: string; at: string }): string {
  const ago = `${age(at, Date.now())} ago: ${why}`
  return count === 1 ? `once, ${ago}` : `${count} times, last ${ago}`
}

/** What was decided, the oldest first. Of a task with one decision only that one. */
function decisions({ history, explanation, times }: TaskStatus): Rows {
  const entries = history ?? [{ at: times.ended ?? times.assigned ?? times.seen, text: explanation }]
  return entries.map(({ at, text }, i): Rows[number] => [
    i === 0 ? 'History' : '',
    printable(at === undefined ? text : `${at}  ${text}`),
  ])
}

/** Where the next attempt would go on from: what there is, not what it says. */
function checkpointOf({ checkpoint }: TaskStatus): string | undefined {
  if (checkpoint === undefined) return undefined
  const { attempt, value } = checkpoint
  return `${valueBytes(value)} bytes, published by attempt ${attempt.n} in term ${attempt.term}`
}

function resultOf({ result }: TaskStatus): string | undefined {
  if (result === undefined) return undefined
  const parts: string[] = []
  if (result.exitCode !== undefined) parts.push(`exit code ${result.exitCode}`)
  if (result.signal !== undefined) parts.push(`ended by ${result.signal}`)
  if (result.durationMs !== undefined) parts.push(`${Math.round(result.durationMs)} ms`)
  if (result.stdout !== undefined && result.stdout !== '')
    parts.push(`${result.stdout.length} characters of output`)
  if (result.value !== undefined) parts.push(`value ${printable(cutTo(JSON.stringify(result.value)))}`)
  for (const [name, held] of Object.entries(result.limits ?? {})) parts.push(`${name} held by ${held}`)
  if (result.truncated === true) parts.push('output cut at the limit')
  return parts.join(', ')
}

const VALUE_CHARS_MAX = 120

const cutTo = (text: string): string =>
  text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX - 1)}…`

function wished(spec: TaskSpec | Withdraw): Rows {
  if (isWithdraw(spec)) return [['Wish', 'to be withdrawn']]
  const rows: Rows = [workOf(spec.run)]
  if (spec.artifacts !== undefined) rows.push(['Artifacts', artifactsOf(spec.artifacts)])
  const pairs = (value: object) =>
    Object.entries(value).map(([key, item]) => `${key}=${JSON.stringify(item)}`)
  if (spec.where !== undefined) rows.push(['Where', printable(pairs(spec.where).join(' '))])
  for (const [i, { where, weight }] of (spec.prefer ?? []).entries())
    rows.push([i === 0 ? 'Prefers' : '', printable(`${pairs(where).join(' ')}, weight ${weight}`)])
  if (spec.group !== undefined) {
    const spread = spec.spread === undefined ? '' : `, spread by ${spec.spread}`
    rows.push(['Group', `${spec.group}${spread}`])
  }
  for (const name of ['near', 'apart'] as const) {
    const places = (spec[name] ?? []).map(({ group, by = 'device' }) => `${group} by ${by}`)
    if (places.length > 0) rows.push([name === 'near' ? 'Near' : 'Apart', places.join(', ')])
  }
  if (spec.tenant !== undefined) rows.push(['Tenant', printable(spec.tenant)])
  if (spec.after !== undefined) rows.push(['After', printable(spec.after.join(', '))])
  if (spec.resources !== undefined) rows.push(['Needs', printable(pairs(spec.resources).join(' '))])
  return rows
}

function artifactsOf(artifacts: Readonly<Record<string, string>>): string {
  return printable(
    Object.entries(artifacts)
      .map((pair) => pair.join('='))
      .join(' '),
  )
}

function workOf(run: Run): Rows[number] {
  if ('function' in run) return ['Function', printable(run.function)]
  if ('exec' in run) return ['Command', words(run.exec)]
  if ('wasm' in run) return ['Module', words([run.wasm.module, ...(run.wasm.args ?? [])])]
  return ['Container', words([run.container.image, ...(run.container.argv ?? [])])]
}

function words(argv: readonly string[]): string {
  return printable(argv.map((word) => (/^[\w./=:@-]+$/.test(word) ? word : JSON.stringify(word))).join(' '))
}
