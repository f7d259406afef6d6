/** Who a client is and what it may do. Without a password file: anyone, anything. */
import { stat } from 'node:fs/promises'
import { CoveyError } from '../shared/errors/errors.ts'
import { type Grant, grantFor, refusePublish, refuseSubscribe } from './access.ts'
import { CONNACK, type Refusal } from './admission.ts'
import type { InsideClient } from './aedes-inside.ts'
import type { Complaints, Logger } from './complaints.ts'
import { Credentials } from './credentials.ts'
import type { Limits } from './limits.ts'
import type { Counters } from './metrics.ts'
import { readUsers, type User } from './passwords.ts'

export interface Guard {
  /** `holder` tells which connection has this client id now, if any. */
  authenticate(
    client: InsideClient,
    holder: () => InsideClient | undefined,
    user: string | undefined,
    password: Buffer | undefined,
    done: (refusal?: Refusal) => void,
  ): void
  /** The user of that name and password, away from any MQTT connection; or why there is none. */
  identify(name: string | undefined, password: Buffer | undefined): Promise<User | CoveyError>
  mayPublish(client: InsideClient, topic: string): CoveyError | undefined
  maySubscribe(client: InsideClient, filter: string): CoveyError | undefined
  close(): Promise<void>
}

export interface GuardParts {
  readonly limits: Limits
  readonly complaints: Complaints
  readonly counters: Counters
  readonly logger: Logger
}

/** How often the password file is looked at for changes. */
const LOOK_EVERY_MS = 2_000

const ANYONE: User = { user: 'anyone', role: 'operator' }

const OPEN: Guard = {
  authenticate: (_client, _holder, _user, _password, done) => done(),
  identify: async () => ANYONE,
  mayPublish: () => undefined,
  maySubscribe: () => undefined,
  close: async () => {},
}

/** @throws CoveyError E_USAGE when the password file cannot be read. */
export async function openGuard(passwords: string | undefined, parts: GuardParts): Promise<Guard> {
  if (passwords === undefined) return OPEN
  const version = await versionOf(passwords)
  return new PasswordGuard(
    passwords,
    version,
    new Credentials(await readUsers(passwords), parts.limits),
    parts,
  )
}

class PasswordGuard implements Guard {
  readonly #file: string
  #version: string
  readonly #credentials: Credentials
  readonly #parts: GuardParts
  /** A grant outlives its connection by as long as the will takes. */
  readonly #grants = new WeakMap<InsideClient, Grant>()
  readonly #open = new Set<InsideClient>()
  readonly #look: NodeJS.Timeout

  constructor(file: string, version: string, credentials: Credentials, parts: GuardParts) {
    this.#file = file
    this.#version = version
    this.#credentials = credentials
    this.#parts = parts
    this.#look = setInterval(() => void this.#reload(), LOOK_EVERY_MS).unref()
  }

  authenticate: Guard['authenticate'] = (client, holder, user, password, done) => {
    this.#admit(client, holder, user, password).then(
      (refusal) => {
        if (refusal !== undefined) this.#parts.counters.denied += 1
        done(refusal)
      },
      (cause: unknown) => {
        const error = new CoveyError('E_BROKER_REFUSED', 'a password could not be checked', { cause })
        done({ returnCode: CONNACK.unavailable, error })
      },
    )
  }

  mayPublish: Guard['mayPublish'] = (client, topic) => {
    const grant = this.#grants.get(client)
    const error = grant === undefined ? stranger() : refusePublish(grant, topic)
    if (error !== undefined) this.#parts.counters.denied += 1
    return error
  }

  maySubscribe: Guard['maySubscribe'] = (client, filter) => {
    const grant = this.#grants.get(client)
    return grant === undefined ? stranger() : refuseSubscribe(grant, filter)
  }

  identify: Guard['identify'] = async (name, password) => {
    const user = await this.#check(name, password)
    if (user instanceof CoveyError) this.#parts.counters.denied += 1
    return user
  }

  close = async (): Promise<void> => clearInterval(this.#look)

  async #check(name: string | undefined, password: Buffer | undefined): Promise<User | CoveyError> {
    const refused = (message: string): CoveyError => new CoveyError('E_BROKER_REFUSED', message)
    if (name === undefined || password === undefined)
      return refused('a client came without user and password')
    const user = await this.#credentials.check(name, password)
    if (user === 'busy') return new CoveyError('E_BROKER_LIMIT', 'too many passwords wait')
    return user ?? refused(`wrong user or password for ${JSON.stringify(name.slice(0, 64))}`)
  }

  async #admit(
    client: InsideClient,
    holder: () => InsideClient | undefined,
    name: string | undefined,
    password: Buffer | undefined,
  ): Promise<Refusal | undefined> {
    const user = await this.#check(name, password)
    if (user instanceof CoveyError) {
      const returnCode = user.code === 'E_BROKER_LIMIT' ? CONNACK.unavailable : CONNACK.badPassword
      return { returnCode, error: user }
    }
    const grant = grantFor(user, client.id)
    if (grant instanceof CoveyError) return { returnCode: CONNACK.notAuthorized, error: grant }
    const held = holder()
    const other = held === undefined ? undefined : this.#grants.get(held)?.user
    // Coordinators take the seat from each other; any other id stays with the user who has it.
    if (grant.seatOf === undefined && other !== undefined && other !== grant.user) {
      const error = new CoveyError('E_DENIED', `the client id ${client.id} is in use by another user`)
      return { returnCode: CONNACK.identifier, error }
    }
    const will = client._will
    const error = will === null || will === undefined ? undefined : refusePublish(grant, will.topic)
    if (error !== undefined) return { returnCode: CONNACK.notAuthorized, error }
    if (client.closed || client.conn.destroyed) return undefined
    this.#grants.set(client, grant)
    this.#open.add(client)
    client.conn.once('close', () => this.#open.delete(client))
    return undefined
  }

  /** Takes over a changed file; a malformed one is refused and the old users stay. */
  async #reload(): Promise<void> {
    try {
      const version = await versionOf(this.#file)
      if (version === this.#version) return
      this.#version = version
      this.#credentials.replace(await readUsers(this.#file))
    } catch (error) {
      const known = error instanceof CoveyError ? error : new CoveyError('E_USAGE', String(error))
      this.#parts.complaints.about(known, { file: this.#file }, 'error')
      return
    }
    this.#parts.logger.info({ file: this.#file }, 'the password file was read again')
    for (const client of this.#open) {
      const grant = this.#grants.get(client)
      if (grant === undefined) continue
      const user = this.#credentials.get(grant.user)
      const same = user?.role === grant.role && user.device === grant.device && user.mesh === grant.mesh
      if (!same)
        client.emit('error', new CoveyError('E_DENIED', `the user ${grant.user} was removed or changed`))
    }
  }
}

const stranger = (): CoveyError => new CoveyError('E_DENIED', 'a client that was never admitted')

async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file)
    return `${mtimeMs} ${size} ${ino}`
  } catch {
    return 'absent'
  }
}
