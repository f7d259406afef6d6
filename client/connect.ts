/** The way to a client: one call that connects or says why it cannot. */
import { CoveyError } from '../shared/errors/errors.ts'
import { isId } from '../shared/protocol/ids.ts'
import { Topics } from '../shared/protocol/topics.ts'
import { DEFAULT_BROKER, parseBrokerUrl } from './broker-url.ts'
import { Client } from './client.ts'
import { Link } from './link.ts'

export const CONNECT_TIMEOUT_MS = 5_000
export const DEFAULT_MESH = 'home'

export interface ConnectOptions {
  /** Like `mqtt://host:1883`, `mqtts://…`, `ws://…`, `wss://…`; default `mqtt://127.0.0.1:1883`. */
  readonly url?: string
  /** Default `home`. */
  readonly mesh?: string
  readonly username?: string
  readonly password?: string
  /** The certificate authority's certificate, PEM, when it is not one that the system trusts. */
  readonly ca?: string
  /** Limit for the first connection, and for every later one. */
  readonly timeoutMs?: number
  /** How long retained lists must be quiet to count as complete; raise it for slow links. */
  readonly settleMs?: number
  /** Told of every loss of the connection (with the reason) and every recovery (`undefined`). */
  readonly onLink?: (down: string | undefined) => void
}

/**
 * Connects to a mesh. The first connection is tried once; later losses are repaired in the background with
 * exponential back-off (100 ms to 10 s, full jitter) until `close`.
 *
 * @throws CoveyError E_BROKER_UNREACHABLE, E_BROKER_REFUSED, E_USAGE (address), E_ID (mesh)
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const url = parseBrokerUrl(options.url ?? DEFAULT_BROKER)
  const mesh = options.mesh ?? DEFAULT_MESH
  if (!isId(mesh)) throw new CoveyError('E_ID', `mesh ${JSON.stringify(mesh)} is not an id`)
  const username = options.username ?? url.username
  const password = options.password ?? url.password
  const link = await Link.open({
    url,
    clientIdPrefix: `covey-${mesh}-client-`,
    timeoutMs: options.timeoutMs ?? CONNECT_TIMEOUT_MS,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.onLink === undefined ? {} : { onLink: options.onLink }),
  })
  const limits = options.settleMs === undefined ? {} : { settleMs: options.settleMs }
  return new Client(link, new Topics(mesh), limits)
}
