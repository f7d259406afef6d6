/** `covey up`: a broker and an agent in one process, so that one command makes a mesh. */
import { announce, openAgent, untilEnd } from './agent.ts'
import { metricsPart, openBroker } from './broker.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { dataFolder } from './data-folder.ts'
import type { Values } from './options.ts'

/** Works until Ctrl-C or SIGTERM, which is a clean end: exit code 0. @throws CoveyError what keeps it from starting */
export async function run(context: Context, values: Values<OptionsOf<'up'>>): Promise<number> {
  const data = (part: string) => (values.data === undefined ? undefined : `${values.data}/${part}`)
  const broker = await openBroker(values, dataFolder(context, data('broker'), 'broker'))
  try {
    const agent = await openAgent(context, values, { brokerUrl: localUrl(broker), data: data('agent') })
    announce(agent, () => {
      const { id, mesh } = agent
      const { host, port, wsPort, metricsPort, urls } = broker
      if (values.json === true) {
        const ready = {
          ready: true,
          command: 'up',
          id,
          mesh,
          host,
          port,
          wsPort,
          metricsPort,
          url: urls[0],
          urls,
        }
        context.stdout.write(`${JSON.stringify(ready)}\n`)
        return
      }
      const connection = `${port === 1883 ? '' : ` --broker ${urls[0]}`}${mesh === 'home' ? '' : ` --mesh ${mesh}`}`
      context.stdout.write(
        `mesh ${mesh} ready at ${urls.join(' and ')}${metricsPart(metricsPort)}, device ${id}; try: covey run${connection} -- uname -a\n`,
      )
    })
    return await untilEnd(context, agent)
  } finally {
    await broker.close()
  }
}

/** The broker as its own machine reaches it. */
function localUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const everywhere = host === '0.0.0.0' || host === '::'
  const name = everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `mqtt://${name}:${port}`
}
