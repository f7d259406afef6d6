/** `covey events`: the coordinator's decisions as they are taken. */
import type { MeshEvent } from '../../shared/protocol/schemas/index.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { paint } from './paint.ts'
import { remark } from './report-error.ts'
import { printable } from './text-width.ts'

/** Goes on until it is interrupted. */
export async function run(context: Context, values: Values<OptionsOf<'events'>>): Promise<number> {
  return withClient(context, values, async (client) => {
    const events = client.watch.events({ signal: context.interrupted })
    let dropped = 0
    for await (const event of events) {
      context.stdout.write(`${values.json === true ? JSON.stringify(event) : line(context, event)}\n`)
      if (events.dropped > dropped) {
        remark(
          context,
          `${events.dropped - dropped} events were dropped, they came faster than they could be written`,
        )
        dropped = events.dropped
      }
    }
    throw context.interrupted.reason
  })
}

function line(context: Context, event: MeshEvent): string {
  const clock = event.at.slice(11, 19)
  const about = [event.task, event.device].filter(
    (name) => name !== undefined && !event.message.includes(name),
  )
  const head = `${paint(context, context.stdout, 'dim', clock)} ${printable(event.kind).padEnd(12)}`
  const code = event.code === undefined ? '' : `${event.code}: `
  return `${head} ${printable(`${about.length === 0 ? '' : `${about.join(' ')}: `}${code}${event.message}`)}`
}
