/**
 * Bounds a result before it is journaled, so that it fits a report and a status whatever its output holds:
 * JSON escapes a control character in six bytes, and UTF-8 writes others in up to four.
 */
import type { ResultBody } from '../../shared/protocol/schemas/index.ts'

/** Bytes of UTF-8 that one stream of output may take as a JSON string. */
export const OUTPUT_JSON_BYTES_MAX = 90 * 1024

/** The result with each output cut to what the protocol carries; `truncated` tells when one was. */
export function boundResult(result: ResultBody): ResultBody {
  const stdout = cut(result.stdout)
  const stderr = cut(result.stderr)
  const truncated = result.truncated === true || stdout !== result.stdout || stderr !== result.stderr
  return {
    ...result,
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(truncated ? { truncated } : {}),
  }
}

function cut(text: string | undefined): string | undefined {
  if (text === undefined || text.length * 6 <= OUTPUT_JSON_BYTES_MAX) return text
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    bytes += jsonBytesAt(text, i)
    if (bytes > OUTPUT_JSON_BYTES_MAX) return text.slice(0, isHighSurrogate(text, i - 1) ? i - 1 : i)
  }
  return text
}

/** Bytes that a text takes as a JSON string in UTF-8, without its quotes. */
export function jsonBytes(text: string | undefined): number {
  let bytes = 0
  for (let i = 0; i < (text?.length ?? 0); i++) bytes += jsonBytesAt(text as string, i)
  return bytes
}

function jsonBytesAt(text: string, index: number): number {
  const unit = text.charCodeAt(index)
  if (unit === 0x22 || unit === 0x5c) return 2
  if (unit < 0x20) return 6
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  // Half of a pair: four bytes for both. A lone half is escaped in six.
  if (unit >= 0xd800 && unit <= 0xdfff) return 6
  return 3
}

function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index)
  return unit >= 0xd800 && unit <= 0xdbff
}
