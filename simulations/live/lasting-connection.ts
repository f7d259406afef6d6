/** A connection of the conductor itself, which comes back by itself: a broker that is down is a part of the run. */
import type { Socket } from 'node:net'
import mqtt, { type MqttClient } from 'mqtt'
import { inTime } from './in-time.ts'

const RECONNECT_MS = 200
const KEEPALIVE_SECONDS = 30

/** @throws CoveyError E_START when the broker does not take it in time; the signal's reason when that is aborted */
export async function connect(url: string, clientId: string, signal: AbortSignal): Promise<MqttClient> {
  const client = mqtt.connect(url, {
    clientId,
    clean: true,
    protocolVersion: 4,
    keepalive: KEEPALIVE_SECONDS,
    reconnectPeriod: RECONNECT_MS,
    writeCache: false,
  })
  // Without it every small exchange waits 40 ms for an acknowledgement.
  const hurry = (): void => void (client.stream as unknown as Socket).setNoDelay(true)
  client.on('connect', hurry)
  client.on('error', () => undefined)
  try {
    const connected = new Promise((resolve) => client.once('connect', resolve))
    await inTime(connected, `the connection ${clientId} to the broker`, signal)
    return client
  } catch (error) {
    await client.endAsync(true)
    throw error
  }
}
