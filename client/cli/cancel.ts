/** `covey cancel`: withdraws a task and waits for its end. */
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import { noSuchTask } from './explain.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'

/** How long the end of a withdrawn task is awaited: its grace (5 s by default) and some more. */
const CANCEL_TIMEOUT_MS = 30_000

/** Exit code 0 when it ended as `cancelled`, 1 when it ended otherwise. @throws CoveyError E_NO_TASK */
export async function run(
  context: Context,
  values: Values<OptionsOf<'cancel'>>,
  operands: readonly string[],
): Promise<number> {
  const id = operands[0] as string
  return withClient(context, values, async (client) => {
    const before = await client.status(id)
    // Withdrawing an unknown id would leave the trace of a task that never was.
    if (before === undefined && (await client.spec(id)) === undefined) throw await noSuchTask(client, id)
    const ended = before !== undefined && isTerminal(before.state)
    if (!ended) await client.withdraw(id)
    const status = ended ? before : await client.wait(id, { timeoutMs: CANCEL_TIMEOUT_MS })
    if (values.json === true) context.stdout.write(`${JSON.stringify(status)}\n`)
    else if (ended) context.stdout.write(`task ${id} had ended before: ${status.state}\n`)
    else if (status.state === 'cancelled') context.stdout.write(`task ${id} is cancelled\n`)
    else context.stdout.write(`task ${id} was faster: ${status.state}\n`)
    return status.state === 'cancelled' ? 0 : EXIT_FAILURE
  })
}
