/** `covey broker`: the embedded broker in the foreground. */
import type { BrokerOptions, RunningBroker } from '../../broker/broker.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { OptionsOf } from './commands.ts'
import { type Context, untilInterrupted } from './context.ts'
import { dataFolder } from './data-folder.ts'
import type { Values } from './options.ts'

type ServingValues = Values<
  | 'host'
  | 'port'
  | 'wsPort'
  | 'metricsPort'
  | 'durability'
  | 'passwords'
  | 'insecure'
  | 'tlsCert'
  | 'tlsKey'
  | 'logLevel'
>

/** Serves until Ctrl-C or SIGTERM, which is a clean end: exit code 0. @throws CoveyError what keeps it from starting */
export async function run(context: Context, values: Values<OptionsOf<'broker'>>): Promise<number> {
  const broker = await openBroker(values, dataFolder(context, values.data, 'broker'))
  const { host, port, wsPort, metricsPort, urls } = broker
  if (values.json === true) {
    const ready = { ready: true, command: 'broker', host, port, wsPort, metricsPort, url: urls[0], urls }
    context.stdout.write(`${JSON.stringify(ready)}\n`)
  } else context.stdout.write(`broker ready at ${urls.join(' and ')}${metricsPart(metricsPort)}\n`)
  await untilInterrupted(context)
  await broker.close()
  return 0
}

/** Starts a broker from the command line's options. */
export async function openBroker(values: ServingValues, data: string): Promise<RunningBroker> {
  const [{ startBroker }, { createLog }] = await Promise.all([
    import('../../broker/broker.ts'),
    import('../../agent/shell/log.ts'),
  ])
  const { host, port, wsPort, metricsPort, durability, passwords, insecure } = values
  const options: BrokerOptions = {
    host,
    data,
    durability,
    logger: createLog({ level: values.logLevel, context: { part: 'broker' } }),
    ...(port === undefined ? {} : { port }),
    ...(wsPort === undefined ? {} : { wsPort }),
    ...(metricsPort === undefined ? {} : { metricsPort }),
    ...(passwords === undefined ? {} : { passwords }),
    ...(insecure === undefined ? {} : { insecure }),
    ...tlsOf(values),
  }
  return startBroker(options)
}

function tlsOf({ tlsCert, tlsKey }: ServingValues): Pick<BrokerOptions, 'tls'> {
  if (tlsCert === undefined && tlsKey === undefined) return {}
  if (tlsCert === undefined || tlsKey === undefined) {
    const missing = tlsCert === undefined ? '--tls-cert' : '--tls-key'
    throw new CoveyError('E_USAGE', `TLS needs a certificate and its key; ${missing} is missing`, {
      remedy: `Give ${missing} FILE`,
    })
  }
  return { tls: { cert: tlsCert, key: tlsKey } }
}

export function metricsPart(metricsPort: number | undefined): string {
  return metricsPort === undefined ? '' : `, metrics at http://127.0.0.1:${metricsPort}/metrics`
}
