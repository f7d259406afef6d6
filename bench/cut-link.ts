/** The link of one device to the broker, which can be cut: nothing passes then, and nobody is told. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class CutLink {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #cut = false

  private constructor(brokerPort: number) {
    this.#server = createServer((near) => this.#join(near, connect(brokerPort, '127.0.0.1')))
  }

  static async open(brokerPort: number): Promise<CutLink> {
    const link = new CutLink(brokerPort)
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve))
    return link
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (chunk: Buffer) => to.write(chunk))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      if (this.#cut) from.pause()
    }
  }

  cut(): void {
    this.#cut = true
    for (const socket of this.#sockets) socket.pause()
  }

  mend(): void {
    this.#cut = false
    for (const socket of this.#sockets) socket.resume()
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}
