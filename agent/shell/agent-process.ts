/** An agent as it runs on a device: detects what the device is, takes its data folder, and starts core and shell. */
import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { artifactServer } from '../../shared/artifacts/server.ts'
import type { LogLevel } from '../../shared/ports.ts'
import type { Candidacy } from '../../shared/protocol/schemas/index.ts'
import { Agent } from '../core/agent.ts'
import type { Timing } from '../core/options.ts'
import { ArtifactCache } from './artifacts/cache.ts'
import { ArtifactSource } from './artifacts/source.ts'
import { type Credentials, parseBrokerUrl } from './broker-address.ts'
import { WORK_FOLDER } from './child-environment.ts'
import { reapContainers } from './container/container.ts'
import { lockDataFolder } from './data-lock.ts'
import { Executors } from './executors.ts'
import { checkId, checkLabels, checkResources, defaultDeviceId } from './identity.ts'
import { openJournal } from './journal.ts'
import type { Durability } from './journal-file.ts'
import { findKinds, type KindOptions, makeExecutors, shown } from './kinds.ts'
import { Limiter } from './limiter/limiter.ts'
import { DEFAULT_LIMITS, type ShellLimits } from './limits.ts'
import { createLog, type Log } from './log.ts'
import { detectCapacity, type Quantities } from './probes/capacity.ts'
import { createLoadProbe } from './probes/load.ts'
import { createOwnProbe } from './probes/own.ts'
import { SYSTEM_ROOTS } from './probes/roots.ts'
import { detectLabels } from './probes/system.ts'
import { reapLeftovers, removeLeftFolders } from './reap.ts'
import { type RunningAgent, startAgent } from './runtime.ts'
import { agentVersion } from './version.ts'

/** Agents that share a machine count their own. */
export type LoadOf = 'machine' | 'own'

export interface AgentProcessOptions extends KindOptions {
  /** Like "mqtt://192.168.1.2:1883"; mqtts://, ws:// and wss:// too. */
  readonly brokerUrl: string
  /** Default: "home". */
  readonly mesh?: string
  /** Default: the host name. */
  readonly id?: string
  /** Folder of the journal, the lock and the working directories; it is made if it is not there. */
  readonly data: string
  /** Added to what is detected (`arch`, `os`, `hostname`, `kernel`), or in its place. */
  readonly labels?: Readonly<Record<string, string>>
  /** Added to what is detected (`cpu`, `memory`, `disk`), or in its place. */
  readonly capacity?: Quantities
  /** Whose load counts: the whole machine's, or that of the agent and its work. Default: "machine". */
  readonly load?: LoadOf
  readonly candidate?: Candidacy
  readonly credentials?: Credentials
  /** Address of the server of artifacts. Default: the broker itself. */
  readonly artifacts?: string
  readonly logLevel?: LogLevel | 'silent'
  /** In place of a logger to standard error. */
  readonly log?: Log
  readonly durability?: Durability
  readonly timing?: Partial<Timing>
  readonly limits?: Partial<ShellLimits>
  readonly version?: string
}

export interface AgentProcess extends RunningAgent {
  readonly id: string
  readonly mesh: string
  readonly capacity: Quantities
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Starts an agent. It returns before the broker is reached: wait for `ready`.
 *
 * @throws CoveyError E_USAGE for options that cannot be, E_STORE_LOCKED when another agent has the data folder,
 *   E_JOURNAL when it cannot be written, and what keeps a wished executor from working
 */
export async function runAgent(options: AgentProcessOptions): Promise<AgentProcess> {
  const mesh = checkId('mesh', options.mesh ?? 'home')
  const id = checkId('device', options.id ?? defaultDeviceId())
  const broker = parseBrokerUrl(options.brokerUrl, options.credentials)
  const server = artifactServer(options.artifacts, {
    ...broker,
    secure: ['mqtts', 'wss'].includes(broker.protocol),
  })
  const labels = { ...detectLabels(), ...options.labels }
  checkLabels(labels)
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const log = options.log ?? createLog({ level: options.logLevel ?? 'info', context: { device: id } })
  const kinds = await findKinds(options, limits, log)

  const lock = lockDataFolder(resolve(options.data))
  try {
    const data = realpathSync(options.data)
    const capacity = detectCapacity(data, options.capacity)
    checkResources(capacity)
    const nowMs = () => performance.now()
    const own = options.load === 'own' ? createOwnProbe(capacity, nowMs) : undefined
    const measure = createLoadProbe(data, SYSTEM_ROOTS, nowMs, own)
    const journal = await openJournal({
      folder: data,
      durability: options.durability ?? 'power',
      limits,
      log,
    })
    // The core asks for this too, but only when it has a journal, and nothing may run beside what it starts.
    const pids = (journal.contents?.entries ?? []).map(({ pid }) => pid).filter((pid) => pid !== undefined)
    reapLeftovers(data, pids, log)
    const { cpuLimit } = kinds
    const limiter = new Limiter({ execLimits: options.execLimits ?? 'auto', cpuLimit, data, log })
    limiter.reap()
    if (kinds.engine !== undefined) await reapContainers(kinds.engine, data, log)
    await removeLeftFolders(resolve(data, WORK_FOLDER), log)
    const source = new ArtifactSource(server, limits, log)
    const artifacts = await ArtifactCache.open(data, source, limits, log)
    const core = new Agent({
      mesh,
      device: id,
      labels,
      capacity,
      executors: kinds.names,
      ...(kinds.functions === undefined ? {} : { functions: kinds.functions.names }),
      candidate: options.candidate ?? 'auto',
      version: options.version ?? agentVersion(),
      seed: randomBytes(16).toString('hex'),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
    })
    log.info(
      { mesh, broker: broker.shown, data, capacity, labels, ...shown(kinds), limits: limiter.means },
      'the agent starts',
    )
    const running = startAgent(core, {
      mesh,
      broker,
      log,
      journal: journal.contents,
      writer: journal.writer,
      executor: (emit) =>
        new Executors(emit, (inner) =>
          makeExecutors(
            kinds,
            { agent: { mesh, device: id, data }, emit: inner, log, limits, artifacts },
            limiter,
          ),
        ),
      measure,
      limits,
    })
    const done = running.done.then((code) => {
      lock.release()
      source.close()
      log.info({ code }, 'the agent has ended')
      return code
    })
    const stop = () => {
      void running.stop()
      return done
    }
    return { id, mesh, capacity, labels, ready: running.ready, stop, done }
  } catch (error) {
    lock.release()
    throw error
  }
}
