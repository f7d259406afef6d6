/** A plain web server of artifacts, as somebody else might have one: it keeps what it is told to, and may misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { artifactNameOf } from './wasm-modules.ts'

export type Answer = (response: ServerResponse, content: Buffer | undefined, request: IncomingMessage) => void

export interface TestServer {
  readonly url: string
  /** Method and path of each request. */
  readonly requests: readonly string[]
  /** Requests that are not answered to their end. */
  readonly open: number
  /** Keeps content. @returns its name */
  keep(content: string | Buffer): string
  /** How it answers from now on. */
  answer: Answer
  close(): Promise<void>
}

export const answersWell: Answer = (response, content) => {
  if (content === undefined) response.writeHead(404).end('not here')
  else response.writeHead(200, { 'content-length': content.length }).end(content)
}

export async function startArtifactServer(): Promise<TestServer> {
  const kept = new Map<string, Buffer>()
  const requests: string[] = []
  let open = 0
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    open += 1
    response.once('close', () => {
      open -= 1
    })
    started.answer(response, kept.get(request.url ?? ''), request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const started: TestServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get open() {
      return open
    },
    answer: answersWell,
    keep(content) {
      const name = artifactNameOf(content)
      kept.set(`/${name.replace(':', '/')}`, Buffer.from(content))
      return name
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return started
}
