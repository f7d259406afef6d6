/**
 * What a text takes as a JSON string in UTF-8: JSON escapes a control character in six bytes, and UTF-8 writes
 * others in up to four.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js'

const BYTES_PER_UNIT_MAX = 6

/** Bytes of a value as JSON; nothing for no value. */
export function valueBytes(value: unknown): number {
  return value === undefined ? 0 : utf8ToBytes(JSON.stringify(value)).length
}

/** Bytes of a text as a JSON string, without its quotes. */
export function jsonBytes(text: string | undefined): number {
  let bytes = 0
  for (let i = 0; i < (text?.length ?? 0); i++) bytes += jsonBytesAt(text as string, i)
  return bytes
}

/** As much of the text, from its beginning, as takes at most `bytesMax` as a JSON string. */
export function cutToJsonBytes(text: string, bytesMax: number): string {
  if (text.length * BYTES_PER_UNIT_MAX <= bytesMax) return text
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    bytes += jsonBytesAt(text, i)
    if (bytes > bytesMax) return text.slice(0, isHighSurrogate(text, i - 1) ? i - 1 : i)
  }
  return text
}

function jsonBytesAt(text: string, index: number): number {
  const unit = text.charCodeAt(index)
  if (unit === 0x22 || unit === 0x5c) return 2
  if (unit < 0x20) return BYTES_PER_UNIT_MAX
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  // Half of a pair: four bytes for both. A lone half is escaped in six.
  if (unit >= 0xd800 && unit <= 0xdfff) return BYTES_PER_UNIT_MAX
  return 3
}

function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index)
  return unit >= 0xd800 && unit <= 0xdbff
}
