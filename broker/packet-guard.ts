/**
 * Refuses a packet at its fixed header.
 *
 * mqtt-packet collects a packet's whole body before it looks at it, and believes any announced length up to
 * 256 MiB. The guard steps in between the length and the body: what is too long (or cannot be right) ends the
 * connection before a byte of the body is kept. It also turns exceptions of the parser, which a few malformed
 * packets cause, into an error of that one connection: nothing a client sends may end the process.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import type { InsideClient } from './aedes-inside.ts'
import type { Limits } from './limits.ts'

/** Bytes around the payload of a PUBLISH: topic with its length, message id. A character takes up to 4 bytes. */
const publishOverheadBytes = (limits: Limits): number => 4 * limits.topicCharsMax + 4

/** Why a packet of this kind and length is refused; `undefined` when it is not. Lengths are in bytes. */
export function refusePacket(cmd: string, lengthBytes: number, limits: Limits): CoveyError | undefined {
  switch (cmd) {
    case 'publish':
      return atMost(cmd, lengthBytes, limits.payloadBytesMax + publishOverheadBytes(limits))
    case 'connect':
      return atMost(cmd, lengthBytes, limits.connectBytesMax)
    case 'subscribe':
    case 'unsubscribe':
      return atMost(cmd, lengthBytes, limits.subscribeBytesMax)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return exactly(cmd, lengthBytes, 2)
    case 'pingreq':
    case 'disconnect':
      return exactly(cmd, lengthBytes, 0)
    default:
      return new CoveyError('E_PACKET', `a client must not send a packet of type ${cmd}`)
  }
}

/** Puts the guard on one client's parser. */
export function guardPackets(client: InsideClient, limits: Limits): void {
  const parser = client._parser
  const parseLength = parser._parseLength
  parser._parseLength = function (this: typeof parser): boolean {
    if (!parseLength.call(this)) return false
    const refusal = refusePacket(this.packet.cmd, this.packet.length, limits)
    if (refusal === undefined) return true
    this._emitError(refusal)
    return false
  }
  const parse = parser.parse
  parser.parse = function (this: typeof parser, chunk: Buffer): number {
    try {
      return parse.call(this, chunk)
    } catch (cause) {
      client.emit('error', new CoveyError('E_PACKET', 'a packet could not be taken apart', { cause }))
      return 0
    }
  }
}

function atMost(cmd: string, lengthBytes: number, bytesMax: number): CoveyError | undefined {
  if (lengthBytes <= bytesMax) return undefined
  return new CoveyError(
    'E_TOO_LARGE',
    `a ${cmd} packet of ${lengthBytes} bytes; at most ${bytesMax} are taken`,
  )
}

function exactly(cmd: string, lengthBytes: number, bytes: number): CoveyError | undefined {
  if (lengthBytes === bytes) return undefined
  return new CoveyError('E_PACKET', `a ${cmd} packet of ${lengthBytes} bytes; it must have ${bytes}`)
}
