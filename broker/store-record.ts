/** How a retained message stands on disk. */
import { crc32 } from 'node:zlib'
import type { Retained } from './retained.ts'

/** checksum (4 bytes, of all that follows and the topic), QoS (1 byte), payload. */
export function encode(topic: string, payload: Buffer, qos: 0 | 1 | 2): Buffer {
  const value = Buffer.allocUnsafe(5 + payload.length)
  value.writeUInt8(qos, 4)
  payload.copy(value, 5)
  value.writeUInt32LE(crc32(value.subarray(4), crc32(topic)), 0)
  return value
}

/** The message of a record; `undefined` when it does not match its checksum. */
export function decode(topic: string, value: Buffer): Retained | undefined {
  if (value.length < 6 || value.readUInt32LE(0) !== crc32(value.subarray(4), crc32(topic))) return undefined
  const qos = value.readUInt8(4)
  return { topic, payload: value.subarray(5), qos: qos === 1 || qos === 2 ? qos : 0 }
}

/** Number of records and the XOR of their checksums. */
export function encodeSum(records: number, sum: number): Buffer {
  const value = Buffer.alloc(8)
  value.writeUInt32LE(records, 0)
  value.writeInt32LE(sum | 0, 4)
  return value
}
