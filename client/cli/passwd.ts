/** `covey passwd`: users of a broker's password file. */
import { CoveyError } from '../../shared/errors/errors.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import type { Values } from './options.ts'
import { askSecret } from './prompt.ts'

/** @throws CoveyError E_USAGE when role, device, password or file are not what they must be */
export async function run(
  context: Context,
  values: Values<OptionsOf<'passwd'>>,
  operands: readonly string[],
): Promise<number> {
  const [file, user] = operands as [string, string]
  const { removeUser, setPassword } = await import('../../broker/passwords.ts')
  if (values.remove === true) {
    if (!(await removeUser(file, user))) {
      throw new CoveyError('E_USAGE', `${file} has no user ${user}`, { remedy: 'See the names in the file' })
    }
    context.stdout.write(`user ${user} is removed from ${file}\n`)
    return 0
  }
  const { role, onlyMesh } = values
  if (role === undefined) {
    throw new CoveyError('E_USAGE', 'a user needs a role', {
      remedy: 'Give --role device, coordinator (a device that may become coordinator), submitter or operator',
    })
  }
  const device = role === 'device' || role === 'coordinator' ? (values.device ?? user) : values.device
  const password = await askSecret(context, `Password for ${user}: `)
  if (context.stdin.isTTY === true && (await askSecret(context, 'Once more: ')) !== password) {
    throw new CoveyError('E_USAGE', 'the two passwords differ', { remedy: 'Enter the same password twice' })
  }
  const scope = {
    ...(device === undefined ? {} : { device }),
    ...(onlyMesh === undefined ? {} : { mesh: onlyMesh }),
  }
  await setPassword(file, { user, role, ...scope }, password)
  context.stdout.write(
    `user ${user} may work as ${role}${device === undefined ? '' : ` on device ${device}`}, see ${file}\n`,
  )
  return 0
}
