import { failure } from '../../shared/errors/errors.ts'
import type { ErrorCode } from '../../shared/errors/table.ts'
import type { RunEnd } from '../../shared/ports.ts'

/** The end of an attempt that failed, with a code of the table. */
export function failed(code: ErrorCode, message: string): RunEnd {
  return { outcome: 'failed', error: failure(code, message) }
}
