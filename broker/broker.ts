/**
 * The embedded broker: aedes, with its ways in and out replaced where it loses, reorders or trusts too much.
 *
 * A packet's way: listeners (sockets) → packet-guard (size) → aedes → admission and access (who) → publishing
 * (refuse, commit, deliver, acknowledge) → delivery (order, slow readers) → the receivers' sockets.
 */
import type { Server as HttpServer } from 'node:http'
import { writeToStream } from 'mqtt-packet'
import { CoveyError } from '../shared/errors/errors.ts'
import { createAedes, takeIn } from './aedes-broker.ts'
import type { InsideAedes } from './aedes-inside.ts'
import { answerRequests, type RequestParts, requestServer } from './artifacts/requests.ts'
import { ArtifactStore } from './artifacts/store.ts'
import { Complaints, type Logger, silent } from './complaints.ts'
import { Deliveries } from './delivery.ts'
import { GroupCommit } from './group-commit.ts'
import { type Limits, limitsWith } from './limits.ts'
import { isLoopback, type Listeners, openListeners, type TlsFiles } from './listeners.ts'
import { type BrokerMetrics, Counters, LatencySummary } from './metrics.ts'
import { type MetricsServer, openMetricsServer } from './metrics-server.ts'
import { BrokerPersistence } from './persistence.ts'
import { Publishing } from './publishing.ts'
import type { RetainedTree } from './retained.ts'
import { openGuard } from './security.ts'
import { Sessions } from './sessions.ts'
import { type Durability, Store } from './store.ts'

export interface BrokerOptions {
  /** Address to listen on; `127.0.0.1` unless given. Beyond this machine it needs `passwords` or `insecure`. */
  readonly host?: string
  /** TCP port; 1883 (8883 with TLS) unless given, 0 picks a free one. */
  readonly port?: number
  /** WebSocket port; none unless given, 0 picks a free one. */
  readonly wsPort?: number
  /** Key and certificate for both ports. */
  readonly tls?: TlsFiles
  /** Folder of the store. Without it retained messages live in memory only. */
  readonly data?: string
  /** What an acknowledgement promises: `process` (default) survives the broker's death, `power` a power cut. */
  readonly durability?: Durability
  /** File of users, see passwords.ts. Without it everyone may do everything. */
  readonly passwords?: string
  /** Listen beyond this machine without credentials all the same. */
  readonly insecure?: boolean
  /** Web origins that may connect without credentials besides those of this machine. */
  readonly origins?: readonly string[]
  /** Port for `/metrics` and `/healthz`; none unless given, 0 picks a free one. */
  readonly metricsPort?: number
  /** Address of that port; `127.0.0.1` unless given. */
  readonly metricsHost?: string
  readonly limits?: Partial<Limits>
  readonly logger?: Logger
}

export interface RunningBroker {
  readonly host: string
  readonly port: number
  readonly wsPort?: number
  readonly metricsPort?: number
  /** For clients, TCP first. */
  readonly urls: readonly string[]
  metrics(): BrokerMetrics
  /** Sends what is committed, sends wills, closes connections and the store; takes `closeTimeoutMs` at most. */
  close(): Promise<void>
}

/** How often absent sessions are looked through. */
const EXPIRE_EVERY_MS = 30_000

// mqtt-packet keeps 65,536 prepared buffers of numbers otherwise: 18 MB for nothing measurable.
writeToStream.cacheNumbers = false

/**
 * Starts a broker.
 *
 * @throws CoveyError E_INSECURE, E_PORT, E_USAGE (TLS, passwords, limits), E_STORE_LOCKED, E_STORE_VERSION,
 * E_STORE_CORRUPT, E_STORE_WRITE. What was opened is closed again.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const host = options.host ?? '127.0.0.1'
  const logger = options.logger ?? silent
  const limits = limitsWith(options.limits)
  if (!isLoopback(host) && options.passwords === undefined && options.insecure !== true) {
    throw new CoveyError(
      'E_INSECURE',
      `listening on ${host} without credentials would let anyone run commands`,
    )
  }
  const opened: (() => Promise<void>)[] = []
  try {
    return await assemble(options, { host, logger, limits, opened })
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => {})
    throw error
  }
}

interface Base {
  readonly host: string
  readonly logger: Logger
  readonly limits: Limits
  /** How to close what is open so far. */
  readonly opened: (() => Promise<void>)[]
}

async function assemble(
  options: BrokerOptions,
  { host, logger, limits, opened }: Base,
): Promise<RunningBroker> {
  const complaints = new Complaints(logger, limits.complaintsPerSecondMax)
  const counters = new Counters()
  const latency = new LatencySummary()
  const sessions = new Sessions(limits, complaints)
  const persistence = new BrokerPersistence(limits, sessions)
  const guard = await openGuard(options.passwords, { limits, complaints, counters, logger })
  opened.push(guard.close)

  const { retained } = persistence
  const commit = await openCommit(options, { limits, logger, retained, latency, opened })
  const publishing = new Publishing({
    limits,
    persistence,
    commit,
    complaints,
    counters,
    mayPublish: guard.mayPublish,
  })
  const deliveries = new Deliveries(limits, retained)
  persistence.replay = (filters) => deliveries.replay(filters)
  persistence.mayKeep = (client, filter) => guard.maySubscribe(client, filter) === undefined
  const aedes = await createAedes({
    limits,
    persistence,
    publishing,
    deliveries,
    complaints,
    counters,
    guard,
  })
  publishing.aedes = aedes
  const sweep = setInterval(() => sessions.expire(), EXPIRE_EVERY_MS).unref()
  opened.push(async () => clearInterval(sweep))
  opened.push(() => new Promise((resolve) => aedes.close(resolve)))

  const listeners = await openListeners({
    host,
    port: options.port ?? (options.tls === undefined ? 1883 : 8883),
    wsPort: options.wsPort,
    tls: options.tls,
    limits,
    complaints,
    ...webOf(options),
    requests: await openRequests(options, { guard, limits, complaints }),
    onStream: (stream, request) => takeIn(aedes, stream, request, { limits, deliveries }),
  })
  opened.push(() => listeners.close())

  const metrics = (): BrokerMetrics => ({
    connections: listeners.connections(),
    connectionsAccepted: listeners.accepted(),
    messagesIn: counters.messagesIn,
    messagesOut: counters.messagesOut,
    retainedMessages: retained.count,
    retainedBytes: retained.bytes,
    commits: commit?.commits ?? 0,
    commitFailures: commit?.failures ?? 0,
    commitsWaiting: commit?.count ?? 0,
    commitLatency: latency.snapshot(),
    denied: counters.denied,
    dropped: counters.dropped + sessions.dropped,
    sessions: sessions.count,
    complaints: complaints.counts(),
  })
  let metricsServer: MetricsServer | undefined
  if (options.metricsPort !== undefined) {
    metricsServer = await openMetricsServer(options.metricsHost ?? '127.0.0.1', options.metricsPort, metrics)
    opened.push(metricsServer.close)
  }
  const urls = urlsOf(host, listeners, options.tls !== undefined)
  if (!isLoopback(host) && options.passwords !== undefined && options.tls === undefined) {
    logger.warn(
      { host },
      'passwords and messages cross the network in the clear; give a TLS key and certificate',
    )
  }
  const durability = options.data === undefined ? 'none' : (options.durability ?? 'process')
  logger.info({ urls, retained: retained.count, durability }, 'broker is listening')

  let closing: Promise<void> | undefined
  return {
    host,
    port: listeners.port,
    ...(listeners.wsPort === undefined ? {} : { wsPort: listeners.wsPort }),
    ...(metricsServer === undefined ? {} : { metricsPort: metricsServer.port }),
    urls,
    metrics,
    close() {
      closing ??= shutDown({ listeners, publishing, aedes, commit, opened, limits, logger })
      return closing
    },
  }
}

/** Which web pages may reach the broker. */
function webOf({ passwords, origins = [] }: BrokerOptions): Pick<RequestParts, 'anyOrigin' | 'origins'> {
  return { anyOrigin: passwords !== undefined, origins }
}

/** What answers requests for artifacts; without a folder it says that there are none. */
async function openRequests(
  options: BrokerOptions,
  parts: Pick<RequestParts, 'guard' | 'limits' | 'complaints'>,
): Promise<HttpServer> {
  const { data, durability = 'process' } = options
  const store = data === undefined ? undefined : await ArtifactStore.open(data, durability, parts.limits)
  return requestServer(answerRequests({ ...parts, ...webOf(options), store }), parts.limits)
}

interface CommitParts {
  readonly limits: Limits
  readonly logger: Logger
  readonly retained: RetainedTree
  readonly latency: LatencySummary
  readonly opened: (() => Promise<void>)[]
}

/** The store's content into memory, and the way of later changes into the store; `undefined` without a folder. */
async function openCommit(
  { data, durability = 'process' }: BrokerOptions,
  { limits, logger, retained, latency, opened }: CommitParts,
): Promise<GroupCommit | undefined> {
  if (data === undefined) return undefined
  const storeOptions = { durability, logger, compactAfterDeletes: limits.compactAfterDeletes }
  const store = await Store.open(data, storeOptions, ({ topic, payload, qos }) =>
    retained.set(topic, payload, qos),
  )
  opened.push(() => store.close())
  return new GroupCommit(
    { commit: (changes) => store.commit(changes), reopen: () => store.reopen(retained.matching('#')) },
    {
      batchBytesMax: limits.commitBatchBytesMax,
      retryMs: limits.storeRetryMs,
      latency,
      nowMs: () => performance.now(),
    },
  )
}

interface Running {
  readonly listeners: Listeners
  readonly publishing: Publishing
  readonly aedes: InsideAedes
  readonly commit: GroupCommit | undefined
  readonly opened: (() => Promise<void>)[]
  readonly limits: Limits
  readonly logger: Logger
}

/**
 * Lets in nobody and takes no more publishes, commits and acknowledges what has come, sends wills and commits them,
 * closes; in order as far as the time goes, and then whatever is still open at once.
 */
async function shutDown({
  listeners,
  publishing,
  aedes,
  commit,
  opened,
  limits,
  logger,
}: Running): Promise<void> {
  const orderly = async (): Promise<void> => {
    listeners.stop()
    publishing.stop()
    await commit?.idle()
    await new Promise<void>((resolve) => aedes.close(resolve))
    await commit?.idle()
    for (const close of opened.reverse()) {
      await close().catch((error: unknown) => logger.error({ error: String(error) }, 'a part did not close'))
    }
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, limits.closeTimeoutMs, 'late')
  })
  const outcome = await Promise.race([orderly(), late])
  clearTimeout(timer)
  if (outcome !== 'late') return
  logger.warn({ closeTimeoutMs: limits.closeTimeoutMs }, 'the broker did not close in time')
  void listeners.close()
}

function urlsOf(host: string, { port, wsPort }: Listeners, tls: boolean): string[] {
  const name = host.includes(':') ? `[${host}]` : host
  const urls = [`${tls ? 'mqtts' : 'mqtt'}://${name}:${port}`]
  if (wsPort !== undefined) urls.push(`${tls ? 'wss' : 'ws'}://${name}:${wsPort}`)
  return urls
}
