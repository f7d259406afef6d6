/** `covey agent`: this machine as a device of the mesh, in the foreground. */
import type { AgentProcess } from '../../agent/shell/agent-process.ts'
import { parseBrokerUrl } from '../broker-url.ts'
import type { OptionsOf } from './commands.ts'
import { type Context, untilInterrupted } from './context.ts'
import { dataFolder } from './data-folder.ts'
import { type CredentialValues, credentialsOf, readNamedFile } from './open-client.ts'
import type { Values } from './options.ts'

type WorkingValues = CredentialValues &
  Values<
    | 'mesh'
    | 'deviceId'
    | 'label'
    | 'capacity'
    | 'loadOf'
    | 'executors'
    | 'functions'
    | 'containerEngine'
    | 'containerGlobal'
    | 'containerOption'
    | 'cpuLimit'
    | 'execLimits'
    | 'coordinator'
    | 'artifacts'
    | 'logLevel'
  >

/** Works until Ctrl-C or SIGTERM, which is a clean end: exit code 0. @throws CoveyError what keeps it from starting */
export async function run(context: Context, values: Values<OptionsOf<'agent'>>): Promise<number> {
  const { ca } = values
  const agent = await openAgent(context, values, {
    brokerUrl: values.broker,
    data: values.data,
    ...(ca === undefined ? {} : { ca: readNamedFile('--ca', ca) }),
  })
  announce(agent, () => {
    const broker = parseBrokerUrl(values.broker).href
    const { id, mesh, capacity, labels } = agent
    if (values.json === true) {
      context.stdout.write(
        `${JSON.stringify({ ready: true, command: 'agent', id, mesh, broker, capacity, labels })}\n`,
      )
    } else context.stdout.write(`agent ${id} ready in mesh ${mesh} at ${broker}\n`)
  })
  return untilEnd(context, agent)
}

export interface AgentPlace {
  readonly brokerUrl: string
  /** Default: a folder of its own for this mesh and device. */
  readonly data: string | undefined
  readonly ca?: string
}

/** Starts an agent from the command line's options. It connects in the background. */
export async function openAgent(
  context: Context,
  values: WorkingValues,
  place: AgentPlace,
): Promise<AgentProcess> {
  const [{ runAgent }, { defaultDeviceId }] = await Promise.all([
    import('../../agent/shell/agent-process.ts'),
    import('../../agent/shell/identity.ts'),
  ])
  const { mesh, label, capacity, executors, functions, coordinator, cpuLimit, execLimits, logLevel } = values
  const { artifacts, containerEngine, containerGlobal, containerOption } = values
  const id = values.deviceId ?? defaultDeviceId()
  return runAgent({
    brokerUrl: place.brokerUrl,
    mesh,
    id,
    data: dataFolder(context, place.data, 'agents', mesh, id),
    credentials: { ...credentialsOf(values), ...(place.ca === undefined ? {} : { ca: place.ca }) },
    load: values.loadOf,
    candidate: coordinator,
    cpuLimit,
    execLimits,
    logLevel,
    ...(artifacts === undefined ? {} : { artifacts }),
    ...(label === undefined ? {} : { labels: label }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(executors === undefined ? {} : { executors }),
    ...(functions === undefined ? {} : { functions }),
    ...(containerEngine === undefined ? {} : { containerEngine }),
    ...(containerGlobal === undefined ? {} : { containerGlobal }),
    ...(containerOption === undefined ? {} : { containerOption }),
  })
}

/** Calls back once the agent is connected. An agent that ends before that tells why in its log and exit code. */
export function announce(agent: AgentProcess, ready: () => void): void {
  agent.ready.then(ready, () => {})
}

/** The exit code: of the agent when it ends by itself, or of its orderly stop when we are asked to end. */
export async function untilEnd(context: Context, agent: AgentProcess): Promise<number> {
  const ended = await Promise.race([agent.done, untilInterrupted(context)])
  return typeof ended === 'number' ? ended : agent.stop()
}
