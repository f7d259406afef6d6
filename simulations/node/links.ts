/** The two connections of a node's agent: as its device, and as the seat while it claims or holds it. */
import type { LinkName } from '../../shared/ports.ts'
import type { Connection } from '../broker/connection.ts'

export class NodeLinks {
  // Two fields and no map by name: every message that comes in asks.
  #device: Connection | undefined = undefined
  #seat: Connection | undefined = undefined

  of(link: LinkName): Connection | undefined {
    return link === 'device' ? this.#device : this.#seat
  }

  set(link: LinkName, connection: Connection | undefined): void {
    if (link === 'device') this.#device = connection
    else this.#seat = connection
  }

  /** Takes a connection out, for whoever closes it. */
  take(link: LinkName): Connection | undefined {
    const connection = this.of(link)
    this.set(link, undefined)
    return connection
  }

  /** Takes out both, the device's first, and closes them so. */
  closeAll(close: (connection: Connection) => void): void {
    for (const link of ['device', 'seat'] as const) {
      const connection = this.take(link)
      if (connection !== undefined) close(connection)
    }
  }
}
