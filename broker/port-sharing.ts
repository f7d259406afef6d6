/**
 * One port for two protocols: MQTT, and HTTP for artifacts. The first byte tells them apart, since an MQTT client
 * begins with a CONNECT (0x10) [MQTT-3.1.0-1] and an HTTP request with the letters of its method.
 */
import type { Duplex } from 'node:stream'

export interface Sides {
  readonly mqtt: (stream: Duplex) => void
  readonly http: (stream: Duplex) => void
  /** Nothing came in time; the stream is closed by then. */
  readonly silent: () => void
}

/** Waits for the first byte and hands the stream over, with that byte still in it. */
export function shareStream(stream: Duplex, limitMs: number, sides: Sides): void {
  const late = setTimeout(() => {
    stream.destroy()
    sides.silent()
  }, limitMs)
  const gone = (): void => clearTimeout(late)
  stream.once('close', gone)
  stream.once('data', (chunk: Buffer) => {
    clearTimeout(late)
    stream.off('close', gone)
    stream.pause()
    stream.unshift(chunk)
    if (!isLetter(chunk[0])) {
      sides.mqtt(stream)
      return
    }
    sides.http(stream)
    // The parser of HTTP listens, but does not set a stream going that was paused.
    stream.resume()
  })
}

function isLetter(byte = 0): boolean {
  return byte >= 0x41 && byte <= 0x5a
}
