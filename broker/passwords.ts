/**
 * The password file: one user a line,
 *
 *     user:role[:scope]:scrypt$N$r$p$salt$hash
 *
 * Roles are device, submitter, operator and coordinator. The scope of a device or coordinator is required and names
 * the device it is, `pi-7` or, for one mesh only, `home/pi-7`. The scope of a submitter or operator is a mesh; without
 * one it may work in all. Salt and hash are base64url. Empty lines and lines that begin with `#` are left alone.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { CoveyError } from '../shared/errors/errors.ts'
import { isId } from '../shared/protocol/ids.ts'

export const ROLES = ['device', 'submitter', 'operator', 'coordinator'] as const
export type Role = (typeof ROLES)[number]

export interface User {
  readonly user: string
  readonly role: Role
  /** The device that a device or coordinator is. */
  readonly device?: string
  /** The only mesh the user may work in. */
  readonly mesh?: string
}

/** What a password is verified against. */
export interface StoredUser extends User {
  readonly cost: { readonly N: number; readonly r: number; readonly p: number }
  readonly salt: Buffer
  readonly hash: Buffer
}

const USER = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const USER_RULE = 'the user name must be 1 to 64 letters, digits, ".", "_", "@" or "-"'
const PASSWORD_BYTES_MAX = 1_024
const HASH_BYTES = 32
/** About 32 ms and 16 MiB for one verification; a line carries its own cost, so this may grow. */
const COST = { N: 16_384, r: 8, p: 1 }
const COST_N_MAX = 1_048_576

const derive = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt)

/**
 * The users of a file's text by name.
 *
 * @throws CoveyError E_USAGE with file and line number for the first line that cannot be read.
 */
export function parseUsers(text: string, file: string): Map<string, StoredUser> {
  const users = new Map<string, StoredUser>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const user = parseLine(line, (why) => malformed(file, i + 1, why))
    if (users.has(user.user)) throw malformed(file, i + 1, `the user ${user.user} stands in it twice`)
    users.set(user.user, user)
  }
  return users
}

/** @throws CoveyError E_USAGE when the file cannot be read, or as `parseUsers`. */
export async function readUsers(file: string): Promise<Map<string, StoredUser>> {
  try {
    return parseUsers(await readFile(file, 'utf8'), file)
  } catch (cause) {
    if (cause instanceof CoveyError) throw cause
    const remedy = 'Correct its path, or make it with "covey passwd"'
    throw new CoveyError('E_USAGE', `the password file ${file} cannot be read`, { cause, remedy })
  }
}

/** Whether the password is the user's. Takes as long for a wrong one as for the right one. */
export async function verifyPassword(user: StoredUser, password: Buffer): Promise<boolean> {
  const { N, r, p } = user.cost
  const hash = await derive(password, user.salt, user.hash.length, { N, r, p, maxmem: 256 * N * r })
  return timingSafeEqual(hash, user.hash)
}

/**
 * Adds a user to the file, or replaces the one of that name. The file is made if it is not there, always has mode
 * 0600, and is replaced whole: a reader sees the old or the new one.
 *
 * @throws CoveyError E_USAGE for a user, scope or password that cannot be, or a file that is malformed already.
 */
export async function setPassword(file: string, user: User, password: string): Promise<void> {
  const bytes = Buffer.byteLength(password)
  if (bytes === 0 || bytes > PASSWORD_BYTES_MAX) {
    throw usage(`a password of ${bytes} bytes`, `Give 1 to ${PASSWORD_BYTES_MAX} bytes`)
  }
  if (!USER.test(user.user)) throw usage(USER_RULE, 'Choose another user name')
  const salt = randomBytes(16)
  const hash = await derive(password, salt, HASH_BYTES, { ...COST, maxmem: 256 * COST.N * COST.r })
  const secret = [
    'scrypt',
    COST.N,
    COST.r,
    COST.p,
    salt.toString('base64url'),
    hash.toString('base64url'),
  ].join('$')
  const scope = scopeOf(user)
  const line = [user.user, user.role, ...(scope === undefined ? [] : [scope]), secret].join(':')
  parseLine(line, (why) => usage(why, 'See the head of the password file’s documentation'))
  await rewrite(file, user.user, line)
}

/**
 * Removes a user; false when there was none of that name.
 *
 * @throws CoveyError E_USAGE when the file cannot be read or written, or is malformed.
 */
export async function removeUser(file: string, user: string): Promise<boolean> {
  const users = await readUsers(file)
  if (!users.has(user)) return false
  await rewrite(file, user, undefined)
  return true
}

async function rewrite(file: string, user: string, line: string | undefined): Promise<void> {
  let text = ''
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new CoveyError('E_USAGE', `the password file ${file} cannot be read`, {
        cause,
        remedy: 'Correct its path',
      })
    }
  }
  parseUsers(text, file)
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const at = lines.findIndex((existing) => existing.startsWith(`${user}:`))
  if (at < 0) {
    if (line !== undefined) lines.push(line)
  } else lines.splice(at, 1, ...(line === undefined ? [] : [line]))
  const next = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const handle = await open(next, 'wx', 0o600)
    try {
      await handle.writeFile(lines.map((each) => `${each}\n`).join(''))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(next, file)
  } catch (cause) {
    await rm(next, { force: true })
    throw new CoveyError('E_USAGE', `the password file ${file} cannot be written`, {
      cause,
      remedy: 'Make its folder writable',
    })
  }
}

function parseLine(line: string, error: (why: string) => CoveyError): StoredUser {
  const fields = line.split(':')
  if (fields.length < 3 || fields.length > 4) throw error('it is not user:role[:scope]:scrypt$…')
  const [user = '', role = ''] = fields
  if (!USER.test(user)) throw error(USER_RULE)
  if (!isRole(role)) throw error(`${JSON.stringify(role)} is no role; use one of: ${ROLES.join(', ')}`)
  const scope = fields.length === 4 ? fields[2] : undefined
  return { user, role, ...parseScope(role, scope, error), ...parseSecret(fields.at(-1) ?? '', error) }
}

function parseScope(
  role: Role,
  scope: string | undefined,
  error: (why: string) => CoveyError,
): { device?: string; mesh?: string } {
  const parts = scope?.split('/') ?? []
  if (!parts.every(isId)) throw error(`the scope ${JSON.stringify(scope)} is not made of ids`)
  const [first, second] = parts
  if (role === 'device' || role === 'coordinator') {
    if (first === undefined || parts.length > 2)
      throw error(`a ${role} needs its device as scope, like pi-7 or home/pi-7`)
    return second === undefined ? { device: first } : { mesh: first, device: second }
  }
  if (parts.length > 1) throw error(`the scope of a ${role} is a mesh`)
  return first === undefined ? {} : { mesh: first }
}

function parseSecret(
  secret: string,
  error: (why: string) => CoveyError,
): Pick<StoredUser, 'cost' | 'salt' | 'hash'> {
  const [kind, n, r, p, salt, hash, ...more] = secret.split('$')
  const cost = { N: Number(n), r: Number(r), p: Number(p) }
  const sane =
    Number.isInteger(Math.log2(cost.N)) &&
    cost.N >= 2 &&
    cost.N <= COST_N_MAX &&
    Number.isInteger(cost.r) &&
    Number.isInteger(cost.p) &&
    cost.r >= 1 &&
    cost.r <= 32 &&
    cost.p >= 1 &&
    cost.p <= 16
  if (kind !== 'scrypt' || more.length > 0 || salt === undefined || hash === undefined || !sane) {
    throw error('its password is not scrypt$N$r$p$salt$hash')
  }
  const bytes = { salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') }
  if (bytes.salt.length < 8 || bytes.hash.length < 16) throw error('its salt or hash is too short')
  return { cost, ...bytes }
}

function scopeOf({ role, device, mesh }: User): string | undefined {
  if (role === 'submitter' || role === 'operator') {
    if (device !== undefined) throw usage(`a ${role} is no device`, 'Leave the device out')
    return mesh
  }
  return mesh === undefined || device === undefined ? device : `${mesh}/${device}`
}

const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text)

const usage = (message: string, remedy: string): CoveyError => new CoveyError('E_USAGE', message, { remedy })

function malformed(file: string, line: number, why: string): CoveyError {
  return usage(`${file}, line ${line}: ${why}`, 'Correct the line, or write it with "covey passwd"')
}
