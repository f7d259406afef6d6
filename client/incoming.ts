/** Raw messages into messages of the protocol. */
import { decode, type Incoming } from '../shared/protocol/codec.ts'
import type { Messages } from '../shared/protocol/schemas/index.ts'
import type { Route, Topics } from '../shared/protocol/topics.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Decodes a message; `undefined` when its topic is not one of this mesh. */
export function readMessage(
  topics: Topics,
  topic: string,
  payload: Buffer,
  retained: boolean,
): Incoming | undefined {
  const address = topics.parse(topic)
  if (address === undefined) return undefined
  let text: string | undefined
  try {
    text = utf8.decode(payload)
  } catch {
    // Not UTF-8: the codec turns that into a rejection.
  }
  return decode(address, text, payload.length, retained)
}

/** The body, if the message is a well-formed one of that route. */
export function bodyOf<R extends Route>(message: Incoming | undefined, route: R): Messages[R] | undefined {
  if (message === undefined || message.route !== route || !('body' in message)) return undefined
  return message.body as Messages[R]
}
