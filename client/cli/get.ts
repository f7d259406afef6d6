/** `covey get`: devices, tasks, one task, the coordinator. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Client } from '../client.ts'
import type { Device } from '../device.ts'
import { DEVICE_COLUMNS, heldText, holdOf, LOAD_COLUMNS, TASK_COLUMNS } from './columns.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { noSuchTask } from './explain.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { refusedSettings } from './refused-settings.ts'
import { remark } from './report-error.ts'
import { type Column, columnsMaxOf, fitWidths, formatRow, formatTable } from './table.ts'

type GetValues = Values<OptionsOf<'get'>>

/** How long heartbeats are awaited for --load, if no beacon says how often they come. */
const LOAD_WAIT_MS = 1_500
const LOAD_WAIT_MS_MAX = 10_000
/** How many holds are told with their reasons. */
const HOLDS_MAX = 10
const SUBJECTS = ['devices', 'tasks', 'task', 'coordinator'] as const

/** @throws CoveyError E_USAGE, E_NO_TASK, and what the client throws */
export async function run(context: Context, values: GetValues, operands: readonly string[]): Promise<number> {
  const [subject = '', id] = operands
  if (subject !== 'task' && id !== undefined) {
    throw new CoveyError('E_USAGE', `"get ${subject}" takes no id`, {
      remedy: `For one task: covey get task ${id}`,
    })
  }
  return withClient(context, values, async (client) => {
    switch (subject) {
      case 'devices':
        return getDevices(context, values, client)
      case 'tasks':
        return getTasks(context, values, client)
      case 'task':
        if (id === undefined)
          throw new CoveyError('E_USAGE', '"get task" wants an id', { remedy: 'See covey get tasks' })
        return getTask(context, values, client, id)
      case 'coordinator':
        return getCoordinator(context, values, client)
      default:
        throw new CoveyError('E_USAGE', `there is no ${JSON.stringify(subject)} to get`, {
          remedy: `${didYouMean(subject, SUBJECTS)}Use one of: ${SUBJECTS.join(', ')}`,
        })
    }
  })
}

async function getTasks(context: Context, values: GetValues, client: Client): Promise<number> {
  const known = (await client.tasks()).sort(byFirstSeen)
  const print = printer(context, values, TASK_COLUMNS, known)
  print.all('no tasks: submit one with "covey run -- uname -a"')
  if (values.watch !== true) return 0
  for await (const { id, status } of client.watch.tasks({ signal: context.interrupted })) {
    if (status !== undefined) print.changed(id, status)
  }
  throw context.interrupted.reason
}

/** The newest last, next to the prompt. */
function byFirstSeen(a: TaskStatus, b: TaskStatus): number {
  return (a.times.seen ?? '').localeCompare(b.times.seen ?? '')
}

async function getTask(context: Context, values: GetValues, client: Client, id: string): Promise<number> {
  const status = await client.status(id)
  if (status === undefined && values.watch !== true) throw await noSuchTask(client, id)
  const print = printer<TaskStatus>(context, values, TASK_COLUMNS, status === undefined ? [] : [status], true)
  print.all('no status yet')
  if (values.watch !== true) return 0
  for await (const change of client.watch.tasks({ id, signal: context.interrupted })) {
    if (change.status !== undefined) print.changed(id, change.status)
  }
  throw context.interrupted.reason
}

async function getDevices(context: Context, values: GetValues, client: Client): Promise<number> {
  const loadWaitMs = values.load === true ? await loadWait(client) : 0
  const columns = values.load === true ? LOAD_COLUMNS : DEVICE_COLUMNS
  const devices = await client.devices({ loadWaitMs })
  const print = printer(context, values, columns, devices)
  print.all('no devices: start one with "covey agent"')
  if (values.json !== true) tellHolds(context, devices)
  if (values.watch !== true) return 0
  for await (const device of client.watch.devices({ signal: context.interrupted })) {
    if (values.load === true) print.changed(device.id, device)
    else {
      const { load: _load, ...rest } = device
      print.changed(device.id, rest)
    }
  }
  throw context.interrupted.reason
}

/** Why devices are held has no room in the table. */
function tellHolds(context: Context, devices: readonly Device[]): void {
  const held = devices.flatMap(({ id, desired }) => {
    const hold = holdOf(desired, Date.now())
    return hold === undefined ? [] : [`${id} is ${heldText(hold)}`]
  })
  for (const line of held.slice(0, HOLDS_MAX)) remark(context, line)
  if (held.length > HOLDS_MAX) remark(context, `${held.length - HOLDS_MAX} more are held: see --json`)
}

/** A little more than the interval at which devices send their load. */
export async function loadWait(client: Client): Promise<number> {
  const heartbeatMs = (await client.coordinator())?.beacon.heartbeatMs
  return heartbeatMs === undefined ? LOAD_WAIT_MS : Math.min(LOAD_WAIT_MS_MAX, heartbeatMs * 1.2 + 200)
}

async function getCoordinator(context: Context, values: GetValues, client: Client): Promise<number> {
  const found = await client.coordinator({ live: true })
  if (values.json === true) context.stdout.write(`${JSON.stringify(found ?? null)}\n`)
  if (found === undefined) {
    remark(context, `mesh ${client.mesh} never had a coordinator: start an agent with "covey agent"`)
    return 1
  }
  const { beacon, live } = found
  if (values.json !== true) {
    const rows = [
      ['Coordinator', beacon.agent],
      ['Term', String(beacon.term)],
      ['State', live === true ? 'in office' : 'silent: it has missed three beacons'],
      ['Beacon', `every ${beacon.intervalMs} ms`],
      ['Heartbeat', `every ${beacon.heartbeatMs} ms`],
      ['Candidates', beacon.candidates.join(', ')],
      ...refusedSettings(beacon),
    ]
    for (const [name, value] of rows) context.stdout.write(`${name?.padEnd(12)}${value}\n`)
  }
  return live === true ? 0 : 1
}

/** Prints a list, and then what changes in it, as a table or as one JSON object a line. */
function printer<Row extends TaskStatus | Device>(
  context: Context,
  values: GetValues,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  single = false,
) {
  const { stdout } = context
  const widths = fitWidths(columns, rows, columnsMaxOf(context))
  // Remembers one line a task or device, so that what looks the same is not printed twice.
  const last = new Map<string, string>()
  const lineOf = (row: Row) =>
    values.json === true ? JSON.stringify(row) : formatRow(context, columns, widths, row)
  const keyOf = (row: Row) => ('task' in row ? row.task : row.id)
  return {
    all(none: string): void {
      for (const row of rows) last.set(keyOf(row), lineOf(row))
      if (values.json === true) {
        if (values.watch === true) for (const row of rows) stdout.write(`${JSON.stringify(row)}\n`)
        else stdout.write(`${JSON.stringify(single ? rows[0] : rows, undefined, 2)}\n`)
      } else if (rows.length > 0) stdout.write(formatTable(context, columns, rows))
      else remark(context, none)
    },
    changed(key: string, row: Row): void {
      const line = lineOf(row)
      if (last.get(key) === line) return
      last.set(key, line)
      stdout.write(`${line}\n`)
    },
  }
}
