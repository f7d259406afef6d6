/** `covey cordon`, `uncordon`, `hold` and `release`: what is wanted of devices. */
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Desired } from '../../shared/protocol/schemas/index.ts'
import { type Hold, heldText, holdOf } from './columns.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { knownDevices } from './known-devices.ts'
import { type ConnectionValues, withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { remark } from './report-error.ts'
import { printable } from './text-width.ts'

const HOLD_MS_MAX = 365 * 24 * 3_600_000

/** A change of what is wanted, and how it is told. */
interface Wish {
  /** @throws CoveyError when that cannot be wished for */
  readonly change: (now: Desired, device: string) => Desired
  readonly told: (device: string, before: Desired) => string
}

/** @throws CoveyError E_NO_DEVICE, E_ID, and what the client throws */
export function cordon(context: Context, values: Values<OptionsOf<'cordon'>>, devices: readonly string[]) {
  return wish(context, values, devices, {
    change: (now) => ({ ...now, cordon: true }),
    told: (device, before) => `${device} ${before.cordon === true ? 'was cordoned already' : 'is cordoned'}`,
  })
}

/** @throws CoveyError E_NO_DEVICE, E_ID, and what the client throws */
export function uncordon(
  context: Context,
  values: Values<OptionsOf<'uncordon'>>,
  devices: readonly string[],
) {
  return wish(context, values, devices, {
    change: ({ cordon: _cordon, drain: _drain, ...rest }) => rest,
    told: (device, before) => {
      const hold = holdOf(before, Date.now())
      if (hold !== undefined)
        remark(context, `${device} is ${heldText(hold)}; covey release ${device} ends that`)
      const open = before.cordon !== true && before.drain !== true
      return `${device} ${open ? 'was not cordoned' : 'is uncordoned'}`
    },
  })
}

/** @throws CoveyError E_USAGE, E_HELD, E_NO_DEVICE, E_ID, and what the client throws */
export async function hold(context: Context, values: Values<OptionsOf<'hold'>>, devices: readonly string[]) {
  const mine = readHold(context, values)
  return wish(context, values, devices, {
    change: (now, device) => {
      const other = holdOf(now, Date.now())
      if (other === undefined || other.by === mine.by) return { ...now, hold: mine }
      throw new CoveyError('E_HELD', `${device} is ${heldText(other)}`)
    },
    told: (device) => `${device} is ${heldText(mine)}`,
  })
}

/** @throws CoveyError E_NO_DEVICE, E_ID, and what the client throws */
export function release(context: Context, values: Values<OptionsOf<'release'>>, devices: readonly string[]) {
  return wish(context, values, devices, {
    change: ({ hold: _hold, ...rest }) => rest,
    told: (device, before) => {
      const held = holdOf(before, Date.now())
      return held === undefined ? `${device} was not held` : `${device} is released; it was ${heldText(held)}`
    },
  })
}

async function wish(
  context: Context,
  values: ConnectionValues & Values<'json'>,
  names: readonly string[],
  { change, told }: Wish,
): Promise<number> {
  return withClient(context, values, async (client) => {
    const devices = await knownDevices(client, names)
    // All are looked at before one is changed.
    for (const { id, desired = {} } of devices) change(desired, id)
    const outcomes = await Promise.all(
      devices.map(async ({ id }) => {
        let before: Desired | undefined
        let after: Desired = {}
        await client.desire(id, (now) => {
          before ??= now
          after = change(now, id)
          return after
        })
        return { device: id, before: before ?? {}, after }
      }),
    )
    if (values.json === true) {
      const list = outcomes.map(({ device, after }) => ({ device, desired: after }))
      context.stdout.write(`${JSON.stringify(list, undefined, 2)}\n`)
      return 0
    }
    for (const { device, before } of outcomes) context.stdout.write(`${printable(told(device, before))}\n`)
    return 0
  })
}

function readHold(context: Context, values: Values<OptionsOf<'hold'>>): Hold {
  const { holdFor, reason = '' } = values
  const by = values.holder ?? values.username ?? context.env['USER'] ?? context.env['LOGNAME'] ?? ''
  const missing = (what: string, remedy: string) => new CoveyError('E_USAGE', what, { remedy })
  if (holdFor === undefined) throw missing('a hold has an end', 'Say how long it lasts, like --for 2h')
  if (holdFor === 0 || holdFor > HOLD_MS_MAX)
    throw missing(
      '--for: a hold cannot last that long',
      'Give more than 0 and at most 365d; covey cordon has no end',
    )
  if (reason.trim() === '') throw missing('a hold has a reason', 'Give it, like --reason "new SD card"')
  if (by === '') throw missing('a hold has a holder', 'Say who, with --by NAME')
  const untilMs = Math.ceil((Date.now() + holdFor) / 1_000) * 1_000
  const until = new Date(untilMs).toISOString().replace('.000Z', 'Z')
  return { by, reason, until }
}
