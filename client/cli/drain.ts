/** `covey drain`: moves away what runs on devices, and waits until they are empty. */
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import { knownDevices } from './known-devices.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { remark } from './report-error.ts'

/**
 * Exit code 1 when a device is offline, where nobody sees what it runs.
 *
 * @throws CoveyError E_NO_DEVICE, E_ID, E_WAIT_TIMEOUT, and what the client throws
 */
export async function run(
  context: Context,
  values: Values<OptionsOf<'drain'>>,
  names: readonly string[],
): Promise<number> {
  const say = (text: string) => {
    if (values.json !== true) context.stdout.write(`${text}\n`)
  }
  return withClient(context, values, async (client) => {
    const devices = await knownDevices(client, names)
    const ids = devices.map(({ id }) => id)
    await Promise.all(ids.map((id) => client.desire(id, (now) => ({ ...now, drain: true }))))
    const offline = devices.filter(({ state }) => state?.online !== true).map(({ id }) => id)
    const drained: string[] = []
    if (values.wait === false) {
      for (const id of ids) say(`${id} is draining`)
    } else {
      const online = ids.filter((id) => !offline.includes(id))
      await client.drained(online, {
        timeoutMs: values.drainTimeout,
        signal: context.interrupted,
        onHeld: (id, held) => {
          if (held > 0)
            return remark(context, `${id} is draining: ${held} ${held === 1 ? 'task' : 'tasks'} there`)
          drained.push(id)
          say(`${id} is drained`)
        },
      })
      for (const id of offline)
        remark(context, `${id} is offline: what it runs cannot be seen; it gets nothing new when it is back`)
    }
    if (values.json === true) {
      const list = ids.map((device) => ({ device, drained: drained.includes(device) }))
      context.stdout.write(`${JSON.stringify(list, undefined, 2)}\n`)
    }
    return values.wait === false || offline.length === 0 ? 0 : EXIT_FAILURE
  })
}
