/** Translates what aedes and sockets report about a client into errors with a code. */
import { CoveyError } from '../shared/errors/errors.ts'
import { limitReached } from './complaints.ts'

/** Everyday ends of a connection; nobody has done anything wrong. */
const ORDINARY = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'])
const ORDINARY_TEXT = new Set([
  'connection closed',
  'keep alive timeout',
  'mqemitter is closed',
  'drain timeout',
])

/** The complaint an error of a client amounts to; `undefined` when it is none. */
export function complaintOf(error: Error): CoveyError | undefined {
  if (error instanceof CoveyError) return error
  const code = (error as NodeJS.ErrnoException).code
  if ((code !== undefined && ORDINARY.has(code)) || ORDINARY_TEXT.has(error.message)) return undefined
  const text = error.message
  if (text === 'connect did not arrive in time')
    return limitReached('connectTimeoutMs', 'no CONNECT came in time')
  if (text === 'Client queue limit reached') {
    return limitReached('beforeConnackPacketsMax', 'too many packets were sent ahead of the CONNACK')
  }
  if (text.includes('topic') || text.includes('# is') || text.includes('+ is')) {
    return new CoveyError('E_TOPIC', `a topic was refused: ${text}`)
  }
  return new CoveyError('E_PACKET', `a packet was refused: ${text}`)
}
