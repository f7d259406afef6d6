/** `covey plan`: where tasks would go now, without running them. */

import type { Outcome, Situation } from '../../agent/coordinator/rehearsal.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Client } from '../client.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import { loadWait } from './get.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { readPlanFile } from './plan-file.ts'
import { remark } from './report-error.ts'
import { type Column, formatTable } from './table.ts'
import { printable } from './text-width.ts'

/**
 * Exit code 1 when something would not be placed.
 *
 * @throws CoveyError E_USAGE, what `readPlanFile` and the client throw
 */
export async function run(context: Context, values: Values<OptionsOf<'plan'>>): Promise<number> {
  if (values.planFile === undefined) {
    throw new CoveyError('E_USAGE', 'covey plan wants the tasks', { remedy: 'Name their file with -f' })
  }
  const planned = readPlanFile(values.planFile)
  const situation = await withClient(context, values, situationOf)
  const { rehearse } = await import('../../agent/coordinator/rehearsal.ts')
  const { outcomes, unseen } = rehearse(situation, planned, { monoMs: 0, wallMs: Date.now() })
  const left = outcomes.filter(({ waiting }) => waiting > 0)
  if (values.json === true) {
    context.stdout.write(`${JSON.stringify({ placed: left.length === 0, outcomes, unseen }, undefined, 2)}\n`)
    return left.length === 0 ? 0 : EXIT_FAILURE
  }
  context.stdout.write(formatTable(context, COLUMNS, outcomes))
  for (const outcome of left)
    context.stdout.write(`\n${printable(`${outcome.task} ${outcome.explanation}`)}\n`)
  if (unseen > 0) {
    remark(
      context,
      `${unseen} elements of arrays are under way where no status says; their room counts as free`,
    )
  }
  return left.length === 0 ? 0 : EXIT_FAILURE
}

/** What the mesh tells now; a heartbeat of every device is waited for. */
async function situationOf(client: Client): Promise<Situation> {
  const loadWaitMs = await loadWait(client)
  const [devices, config, statuses, specs] = await Promise.all([
    client.devices({ loadWaitMs }),
    client.config(),
    client.tasks(),
    client.specs(),
  ])
  return { devices, config, statuses, specs }
}

const COLUMNS: readonly Column<Outcome>[] = [
  { title: 'TASK', text: ({ task }) => task },
  { title: 'DEVICE', text: deviceOf, colour: ({ waiting }) => (waiting > 0 ? 'red' : 'green') },
  { title: 'WHY', text: ({ explanation }) => explanation },
]

function deviceOf({ devices, waiting, impossible }: Outcome): string {
  const where = Object.entries(devices)
  if (where.length === 1 && waiting === 0) return where[0]?.[0] ?? ''
  const counts = where.map(([device, count]) => `${device} ${count}`)
  if (waiting > 0) counts.push(where.length > 0 ? `waits ${waiting}` : impossible ? 'none' : 'waits')
  return counts.join(', ')
}
