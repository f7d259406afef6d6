/**
 * For tests: a real broker (aedes over TCP) and a peer that plays the coordinator with raw MQTT packets, written
 * from the protocol's description and not from our own code.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Aedes, type AuthenticateHandler, type AuthorizePublishHandler } from 'aedes'
import { connectAsync, type MqttClient } from 'mqtt'

export interface TestBroker {
  readonly aedes: Aedes
  readonly port: number
  readonly url: string
  /** Cuts every TCP connection; the broker itself and what it retains stay. */
  cut(): void
  close(): Promise<void>
}

export async function startTestBroker(
  options: { authenticate?: AuthenticateHandler; authorizePublish?: AuthorizePublishHandler } = {},
): Promise<TestBroker> {
  const aedes = await Aedes.createBroker(options)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    aedes,
    port,
    url: `mqtt://127.0.0.1:${port}`,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
}

export interface Peer {
  readonly mqtt: MqttClient
  /** Every spec that came, newest last. */
  readonly specs: { id: string; spec: unknown }[]
  /** Publishes a retained JSON message under `covey/v1/<mesh>/`; resolves on PUBACK. */
  say(below: string, body: unknown, retain?: boolean): Promise<void>
  close(): Promise<void>
}

/** A coordinator by hand: `onSpec` is called for each spec and answers with `say`. */
export async function startPeer(
  url: string,
  mesh: string,
  onSpec: (id: string, spec: Record<string, unknown>, say: Peer['say']) => void = () => {},
): Promise<Peer> {
  const mqtt = await connectAsync(url, { clientId: `covey-${mesh}-seat`, reconnectPeriod: 20 })
  const specs: Peer['specs'] = []
  const say: Peer['say'] = async (below, body, retain = true) => {
    const payload = body === null ? '' : JSON.stringify(body)
    await mqtt.publishAsync(`covey/v1/${mesh}/${below}`, payload, { qos: 1, retain })
  }
  mqtt.on('message', (topic, payload) => {
    const id = topic.split('/')[4] as string
    if (payload.length === 0) return
    const spec = JSON.parse(payload.toString()) as Record<string, unknown>
    specs.push({ id, spec })
    onSpec(id, spec, say)
  })
  await mqtt.subscribeAsync(`covey/v1/${mesh}/tasks/+/spec`, { qos: 1 })
  return { mqtt, specs, say, close: () => mqtt.endAsync(true) }
}

/** A status as a coordinator would write it. */
export function statusOf(
  task: string,
  state: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    task,
    state,
    digest: '',
    term: 1,
    agent: 'pi-1',
    attempts: 0,
    failed: 0,
    lost: 0,
    explanation: '',
    times: {},
    ...more,
  }
}
