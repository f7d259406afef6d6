/**
 * Verifies passwords without letting a reconnect storm burn the CPU: a verification costs tens of milliseconds on
 * purpose, so what was verified once is remembered (bounded, as a keyed digest), the same question asked twice at the
 * same time is answered once, and only a few run at a time.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { type StoredUser, type User, verifyPassword } from './passwords.ts'

/** Leaves half of libuv's four threads to the store. */
const VERIFY_AT_ONCE = 2

export interface CredentialLimits {
  readonly passwordCacheMax: number
  readonly passwordQueueMax: number
}

export class Credentials {
  readonly #limits: CredentialLimits
  readonly #key = randomBytes(32)
  #users: ReadonlyMap<string, StoredUser>
  /** Digests of verified user and password pairs, the least recently used first. */
  #verified = new Map<string, true>()
  readonly #pending = new Map<string, Promise<boolean>>()
  readonly #queue: (() => void)[] = []
  #running = 0
  /** scrypt runs so far. */
  verifications = 0

  constructor(users: ReadonlyMap<string, StoredUser>, limits: CredentialLimits) {
    this.#users = users
    this.#limits = limits
  }

  /** Replaces the users; what was verified against the old ones is forgotten. */
  replace(users: ReadonlyMap<string, StoredUser>): void {
    this.#users = users
    this.#verified.clear()
  }

  get(user: string): StoredUser | undefined {
    return this.#users.get(user)
  }

  /** The user when the password is right, `undefined` when not, `'busy'` when too many wait. */
  async check(name: string, password: Buffer): Promise<User | undefined | 'busy'> {
    const user = this.#users.get(name)
    // An unknown name costs the same as a wrong password, so that names cannot be found by timing.
    const against = user ?? this.#stranger()
    const digest = this.#digest(name, against, password)
    if (this.#verified.delete(digest)) {
      this.#verified.set(digest, true)
      return user
    }
    const before = this.#pending.get(digest)
    if (before === undefined && this.#queue.length >= this.#limits.passwordQueueMax) return 'busy'
    const pending = before ?? this.#verify(against, password)
    if (before === undefined) {
      this.#pending.set(digest, pending)
      void pending.finally(() => this.#pending.delete(digest))
    }
    if (!(await pending) || user === undefined) return undefined
    // The file may have been replaced meanwhile.
    if (this.#users.get(name) !== user) return this.check(name, password)
    this.#remember(digest)
    return user
  }

  async #verify(user: StoredUser, password: Buffer): Promise<boolean> {
    if (this.#running >= VERIFY_AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve))
    else this.#running += 1
    this.verifications += 1
    try {
      return await verifyPassword(user, password)
    } catch {
      return false
    } finally {
      const next = this.#queue.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }

  #remember(digest: string): void {
    this.#verified.set(digest, true)
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size <= this.#limits.passwordCacheMax) break
      this.#verified.delete(oldest)
    }
  }

  #digest(name: string, { hash }: StoredUser, password: Buffer): string {
    return createHmac('sha256', this.#key).update(`${name}\0`).update(hash).update(password).digest('base64')
  }

  /** A user nobody can be, as costly as the first real one. */
  #stranger(): StoredUser {
    const [first] = this.#users.values()
    const cost = first?.cost ?? { N: 16_384, r: 8, p: 1 }
    return { user: '', role: 'submitter', cost, salt: this.#key, hash: this.#key }
  }
}
