/**
 * A process that hosts many devices of a live run in one event loop; started by swarm.ts with a channel to it. When
 * the channel closes it ends what it started, and itself.
 */
import { join } from 'node:path'
import { parseBrokerUrl } from '../../agent/shell/broker-address.ts'
import { createLog } from '../../agent/shell/log.ts'
import { BusyTime } from './busy-time.ts'
import { LatestTimes } from './latest-times.ts'
import { LiveDevice } from './live-device.ts'
import type { Answer, HostFigures, HostOptions, Order } from './talk.ts'

const devices = new Map<string, LiveDevice>()
let packets = 0
const syncMs = new LatestTimes()
const startMs = new LatestTimes()
const busy = new BusyTime(process.pid)

const say = (answer: Answer): void => {
  if (process.connected) process.send?.(answer)
}

function begin({ brokerUrl, seed, folder, devices: rows }: HostOptions): void {
  const broker = parseBrokerUrl(brokerUrl)
  for (const options of rows) {
    const { device } = options.agent
    devices.set(
      device,
      new LiveDevice(options, {
        broker,
        seed,
        data: join(folder, device),
        log: createLog({ level: 'silent' }),
        watch: {
          packets: (count) => {
            packets += count
          },
          synced: (ms) => syncMs.add(ms),
          started: (ms) => startMs.add(ms),
          process: (cpuMilli, running) => say({ answer: 'process', cpuMilli, running }),
          finished: (attempt, succeeded) => say({ answer: 'finished', attempt, succeeded }),
          left: (reason) => say({ answer: 'left', reason }),
          gone: (start, code) => say({ answer: 'gone', device, start, code }),
        },
      }),
    )
  }
  say({ answer: 'ready' })
}

function figures(): HostFigures {
  const taken = { busyMs: busy.takeMs(), packets, syncMs: syncMs.take(), startMs: startMs.take() }
  packets = 0
  return taken
}

async function end(): Promise<void> {
  await Promise.all([...devices.values()].map((device) => device.end()))
  process.exit(0)
}

const broken = (error: unknown): void => {
  say({ answer: 'broken', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}

process.on('message', (order: Order) => {
  if (order.order === 'begin') begin(order.options)
  else if (order.order === 'figures') say({ answer: 'figures', figures: figures() })
  else if (order.order === 'end') end().catch(broken)
  else {
    const device = devices.get(order.device)
    if (order.order === 'start') device?.start(order.start).catch(broken)
    else if (order.order === 'crash') device?.crash()
    else device?.leave()
  }
})
process.once('disconnect', () => void end())
process.on('uncaughtException', broken)
