/**
 * Submitting a task: the spec goes out retained, and the receipt is given when the broker acknowledged it *and*
 * the coordinator's first status of this very content came. One alone proves little: some brokers acknowledge
 * what they refuse, and a status may belong to an earlier task of the same id.
 */
import { randomBytes } from 'node:crypto'
import { CoveyError, type Rejection } from '../shared/errors/errors.ts'
import type { ErrorCode } from '../shared/errors/table.ts'
import { pastDeadline } from '../shared/model/contradiction.ts'
import { checkBody } from '../shared/protocol/codec.ts'
import { contentDigest } from '../shared/protocol/digest.ts'
import { ID_CHARS_MAX, isId } from '../shared/protocol/ids.ts'
import { nestedTooDeep } from '../shared/protocol/nesting.ts'
import { isTerminal, specBytesMax, type TaskSpec, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import type { Topics } from '../shared/protocol/topics.ts'
import { deadline } from './deadline.ts'
import { bodyOf, readMessage } from './incoming.ts'
import { abortable, type Link } from './link.ts'

export const SUBMIT_TIMEOUT_MS = 10_000
const RANDOM_CHARS = 12
/** 32 characters, so that a byte's remainder is fair; without 0, 1, l and o, which people confuse. */
const ALPHABET = '23456789abcdefghijkmnpqrstuvwxyz'

/** Proof that the mesh has taken a task. */
export interface Receipt {
  readonly id: string
  /** Digest of the content, as the coordinator computes it. */
  readonly digest: string
  /** The first status that speaks of this content. It may be a terminal one, such as `rejected`. */
  readonly status: TaskStatus
}

export interface SubmitOptions {
  /** Default: a random one. The same id with the same content is the same task. */
  readonly id?: string
  readonly signal?: AbortSignal
  /** Limit for acknowledgement and first status together. */
  readonly timeoutMs?: number
}

/** Something that was to be sent is not what the protocol allows; `path` is a JSON pointer to the place. */
export class InvalidSpecError extends CoveyError {
  readonly path: string

  /** @param whole what it is a part of */
  constructor(fault: Rejection, whole = 'the spec') {
    const where = fault.path === '' ? whole : fault.path
    super(fault.code as ErrorCode, `${where}: ${fault.message}`, { remedy: fault.remedy })
    this.name = 'InvalidSpecError'
    this.path = fault.path
  }
}

/** A new random id of 60 bits, after a prefix of which unfit characters are left out. */
export function randomTaskId(prefix = ''): string {
  const fit = prefix.replace(/[^A-Za-z0-9_-]/g, '').replace(/^[_-]+/, '')
  let text = ''
  for (const byte of randomBytes(RANDOM_CHARS)) text += ALPHABET[byte % ALPHABET.length]
  return fit === '' ? text : `${fit.slice(0, ID_CHARS_MAX - RANDOM_CHARS - 1)}-${text}`
}

/**
 * The payload and digest of a spec.
 *
 * @throws InvalidSpecError when it does not pass the codec or is larger than a payload may be
 */
export function encodeSpec(spec: TaskSpec): { payload: string; digest: string } {
  // What is too deep to be walked is too deep to be written.
  const deep = nestedTooDeep('spec', spec)
  if (deep !== undefined) throw new InvalidSpecError(deep)
  const payload = JSON.stringify(spec) as string | undefined
  const value: unknown = payload === undefined ? undefined : JSON.parse(payload)
  const fault = checkBody('spec', value)
  if (fault !== undefined) throw new InvalidSpecError(fault)
  const bytes = Buffer.byteLength(payload as string)
  if (bytes > specBytesMax(spec)) {
    throw new InvalidSpecError({
      code: 'E_TOO_LARGE',
      path: '',
      message: `${bytes} bytes exceed the ${specBytesMax(spec)} that a payload may have`,
      remedy: 'Put large input where the device can fetch it, and pass its name',
    })
  }
  return { payload: payload as string, digest: contentDigest(value) }
}

/** @throws CoveyError E_ID when it is not one */
export function checkId(id: string): void {
  if (!isId(id)) throw new CoveyError('E_ID', `${JSON.stringify(id.slice(0, ID_CHARS_MAX + 1))} is not an id`)
}

/**
 * Submits a task and waits for its receipt. After a lost connection the same spec goes out again, which changes
 * nothing if the first had arrived.
 *
 * @throws InvalidSpecError; CoveyError E_ID, E_ID_TAKEN, E_BROKER_REFUSED, or E_WAIT_TIMEOUT that says which of
 * acknowledgement and status is missing
 */
export async function submit(
  link: Link,
  topics: Topics,
  spec: TaskSpec,
  options: SubmitOptions = {},
): Promise<Receipt> {
  const id = options.id ?? randomTaskId()
  checkId(id)
  const { payload, digest } = encodeSpec(spec)
  // Under an id that was chosen it may be a task that is known already, which this changes nothing of.
  const late = options.id === undefined ? pastDeadline(spec, Date.now()) : undefined
  if (late !== undefined) throw new InvalidSpecError(late)
  const timeoutMs = options.timeoutMs ?? SUBMIT_TIMEOUT_MS
  let acknowledged = false
  let status: TaskStatus | undefined
  const limit = deadline(
    timeoutMs,
    () => missing(id, acknowledged, status !== undefined, timeoutMs, link.down),
    options.signal,
  )
  const publish = async () => {
    await link.publish(topics.of('spec', id), payload, true, limit.signal)
    acknowledged = true
  }
  const stops: (() => void)[] = []
  try {
    const first = new Promise<TaskStatus>((resolve, reject) => {
      stops.push(answers(link, topics, id, digest, { resolve, reject }))
      // A broker may have lost what it acknowledged just before it went down.
      stops.push(
        link.onUp(() => {
          if (acknowledged && status === undefined) publish().catch(reject)
        }),
      )
    })
    const note = first.then((found) => {
      status = found
      return found
    })
    const [found] = await abortable(Promise.all([note, publish()]), limit.signal)
    return { id, digest, status: found }
  } finally {
    for (const stop of stops) stop()
    limit.done()
  }
}

/** Listens for the status that answers this content. */
function answers(
  link: Link,
  topics: Topics,
  id: string,
  digest: string,
  settle: { resolve(status: TaskStatus): void; reject(error: Error): void },
): () => void {
  return link.listen(topics.of('status', id), 1, {
    message: (topic, bytes, retained) => {
      const status = bodyOf(readMessage(topics, topic, bytes, retained), 'status')
      if (status === undefined) return
      if (status.refused?.digest === digest) {
        const { message } = status.refused.error
        settle.reject(new CoveyError('E_ID_TAKEN', `task ${id} exists with other content: ${message}`))
      } else if (status.digest === digest) {
        settle.resolve(status)
      } else if (status.digest === '' && !retained && isTerminal(status.state)) {
        // What the coordinator could not read has no digest; an old one would have come retained.
        settle.resolve(status)
      }
    },
    refused: (error) => settle.reject(error),
  })
}

function missing(
  id: string,
  acknowledged: boolean,
  told: boolean,
  timeoutMs: number,
  down: string | undefined,
): CoveyError {
  const within = `within ${timeoutMs} ms`
  if (down !== undefined && !acknowledged) {
    return new CoveyError(
      'E_WAIT_TIMEOUT',
      `task ${id} was not delivered ${within}: the connection is lost: ${down}`,
    )
  }
  if (acknowledged) {
    return new CoveyError(
      'E_WAIT_TIMEOUT',
      `the broker acknowledged task ${id}, but no coordinator answered with a status ${within}`,
      { remedy: 'Start an agent with "covey agent", or wait for one; until then the broker keeps the task' },
    )
  }
  return new CoveyError(
    'E_WAIT_TIMEOUT',
    told
      ? `task ${id} has a status, but the broker did not acknowledge the spec ${within}`
      : `the broker neither acknowledged task ${id} nor did a status come ${within}`,
    {
      remedy:
        'Submit it again with the same id and content, which does no harm; see whether the broker is well',
    },
  )
}
