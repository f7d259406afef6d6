/** `covey cancel`: withdraws a task and waits for its end. */
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import { withdrawLimitMs } from '../withdraw-limit.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import { noSuchTask } from './explain.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'

/** Exit code 0 when it ended as `cancelled`, 1 when it ended otherwise. @throws CoveyError E_NO_TASK */
export async function run(
  context: Context,
  values: Values<OptionsOf<'cancel'>>,
  operands: readonly string[],
): Promise<number> {
  const id = operands[0] as string
  return withClient(context, values, async (client) => {
    const before = await client.status(id)
    const ended = before !== undefined && isTerminal(before.state)
    // Read before it is replaced by the withdrawal: the task may take as long to end as its grace says.
    const spec = ended ? undefined : await client.spec(id)
    // Withdrawing an unknown id would leave the trace of a task that never was.
    if (before === undefined && spec === undefined) throw await noSuchTask(client, id)
    if (!ended) await client.withdraw(id)
    const status = ended ? before : await client.wait(id, { timeoutMs: withdrawLimitMs(spec) })
    if (values.json === true) context.stdout.write(`${JSON.stringify(status)}\n`)
    else if (ended) context.stdout.write(`task ${id} had ended before: ${status.state}\n`)
    else if (status.state === 'cancelled') context.stdout.write(`task ${id} is cancelled\n`)
    else context.stdout.write(`task ${id} was faster: ${status.state}\n`)
    return status.state === 'cancelled' ? 0 : EXIT_FAILURE
  })
}
