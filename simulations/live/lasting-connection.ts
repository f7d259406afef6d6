/** A connection of the conductor itself, which comes back by itself: a broker that is down is a part of the run. */
import type { Socket } from 'node:net'
import mqtt, { type MqttClient } from 'mqtt'

const RECONNECT_MS = 200
const KEEPALIVE_SECONDS = 30

/** @throws Error when the broker does not take it the first time */
export async function connect(url: string, clientId: string): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, {
    clientId,
    clean: true,
    protocolVersion: 4,
    keepalive: KEEPALIVE_SECONDS,
    reconnectPeriod: RECONNECT_MS,
    writeCache: false,
  })
  // Without it every small exchange waits 40 ms for an acknowledgement.
  const hurry = (): void => void (client.stream as unknown as Socket).setNoDelay(true)
  hurry()
  client.on('connect', hurry)
  client.on('error', () => undefined)
  return client
}
