/** Who a client is and what it may do. Without a password file: anyone, anything. */
import type { CoveyError } from '../shared/errors/errors.ts'
import type { Refusal } from './admission.ts'
import type { InsideClient } from './aedes-inside.ts'
import type { Complaints, Logger } from './complaints.ts'
import type { Limits } from './limits.ts'
import type { Counters } from './metrics.ts'

export interface Guard {
  /** `holder` is the connection that has this client id now, if any. */
  authenticate(
    client: InsideClient,
    holder: InsideClient | undefined,
    user: string | undefined,
    password: Buffer | undefined,
    done: (refusal?: Refusal) => void,
  ): void
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

const OPEN: Guard = {
  authenticate: (_client, _holder, _user, _password, done) => done(),
  mayPublish: () => undefined,
  maySubscribe: () => undefined,
  close: async () => {},
}

export async function openGuard(_passwords: string | undefined, _parts: GuardParts): Promise<Guard> {
  return OPEN
}
