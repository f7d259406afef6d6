/** Bounds a result before it is journaled, so that it fits a report and a status whatever its output holds. */
import { VALUE_JSON_BYTES_MAX } from '../../shared/functions/bounds.ts'
import { cutToJsonBytes, jsonBytes, valueBytes } from '../../shared/protocol/json-text.ts'
import type { ResultBody } from '../../shared/protocol/schemas/index.ts'

/** Bytes of UTF-8 that one stream of output may take as a JSON string. */
export const OUTPUT_JSON_BYTES_MAX = 90 * 1024

/**
 * The result with each output cut to what the protocol carries, or less; `truncated` tells when one was. Half a value would be
 * another value, so one that is too large is left out whole.
 *
 * @param bytesMax of each stream; a value may take what both may together
 */
export function boundResult(result: ResultBody, bytesMax: number = OUTPUT_JSON_BYTES_MAX): ResultBody {
  const stdout = cut(result.stdout, bytesMax)
  const stderr = cut(result.stderr, bytesMax)
  const { value, ...rest } = result
  const kept = value === undefined || valueBytes(value) <= Math.min(VALUE_JSON_BYTES_MAX, 2 * bytesMax)
  const truncated = result.truncated === true || stdout !== result.stdout || stderr !== result.stderr || !kept
  return {
    ...rest,
    ...(kept && value !== undefined ? { value } : {}),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(truncated ? { truncated } : {}),
  }
}

const cut = (text: string | undefined, bytesMax: number): string | undefined =>
  text === undefined ? undefined : cutToJsonBytes(text, bytesMax)

/** Bytes that a result's outputs and value take in a message. */
export function resultBytes(result: ResultBody | undefined): number {
  return jsonBytes(result?.stdout) + jsonBytes(result?.stderr) + valueBytes(result?.value)
}
