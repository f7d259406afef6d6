/**
 * One process of the array trial: `node dist/bench/arrays-role.js broker | agent <JSON>`, started with an IPC channel. It
 * tells when it is ready; an agent echoes its elements' inputs.
 */
import { startBroker } from '../broker/broker.ts'
import { startBenchAgent } from './agent.ts'

export interface Ready {
  readonly url?: string
}

/** Elements that an agent runs at once. */
const SLOTS = 32

async function start(
  role: string | undefined,
  options: { url: string; mesh: string; device: string },
): Promise<Ready> {
  if (role === 'broker') {
    const broker = await startBroker({ port: 0 })
    return { url: broker.urls[0] as string }
  }
  await startBenchAgent({
    ...options,
    candidate: 'auto',
    executors: ['exec'],
    capacity: { cpu: SLOTS, memory: '64Gi' },
    output: ({ input }) => JSON.stringify(input),
  })
  return {}
}

process.once('disconnect', () => process.exit(0))
const ready = await start(process.argv[2], JSON.parse(process.argv[3] ?? '{}'))
process.send?.(ready)
