/** Bounds a result before it is journaled, so that it fits a report and a status whatever its output holds. */
import { cutToJsonBytes } from '../../shared/protocol/json-text.ts'
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

const cut = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : cutToJsonBytes(text, OUTPUT_JSON_BYTES_MAX)
