/**
 * Keeps the order of each client's publishes [MQTT-4.6.0-2] while some of them wait for their commit.
 *
 * A line belongs to a client id, not to a connection: the will of a connection that was taken over, and what it had
 * sent before, come out ahead of what its successor sends.
 */

interface Place {
  ready: boolean
  readonly release: () => unknown
}

export class PublishLines {
  readonly #lines = new Map<string, Place[]>()

  /** How many publishes of a client wait. */
  waiting(clientId: string): number {
    return this.#lines.get(clientId)?.length ?? 0
  }

  /** Runs `release` now when nobody of this client waits, else after those who do. */
  pass(clientId: string, release: () => unknown): void {
    const line = this.#lines.get(clientId)
    if (line === undefined) release()
    else line.push({ ready: true, release })
  }

  /** Takes a place in the line; `release` runs after the returned function was called and all before it went. */
  wait(clientId: string, release: () => unknown): () => void {
    const place: Place = { ready: false, release }
    const line = this.#lines.get(clientId)
    if (line === undefined) this.#lines.set(clientId, [place])
    else line.push(place)
    return () => {
      place.ready = true
      this.#advance(clientId)
    }
  }

  #advance(clientId: string): void {
    const line = this.#lines.get(clientId)
    if (line === undefined) return
    let gone = 0
    // Who joins while this runs stands behind and is reached by the loop as well.
    for (let place = line[0]; place?.ready === true; place = line[gone]) {
      gone += 1
      place.release()
    }
    if (gone === line.length) this.#lines.delete(clientId)
    else line.splice(0, gone)
  }
}
