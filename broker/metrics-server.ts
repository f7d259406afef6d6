/** `/metrics` for Prometheus and `/healthz`, on a port of their own. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listen } from './listeners.ts'
import { type BrokerMetrics, prometheusText } from './metrics.ts'

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** @throws CoveyError E_PORT */
export async function openMetricsServer(
  host: string,
  port: number,
  metrics: () => BrokerMetrics,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    const readable = request.method === 'GET' || request.method === 'HEAD'
    if (readable && path === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(prometheusText(metrics()))
    } else if (readable && path === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    } else response.writeHead(404).end()
  })
  await listen(server, port, host)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
