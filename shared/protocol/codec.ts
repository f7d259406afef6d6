/**
 * Turns payloads into messages, or into a rejection that says what was wrong, where, and what would be right.
 * Everything from outside passes here before anything acts on it.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { type Rejection, rejection } from '../errors/errors.ts'
import { contradiction } from '../model/contradiction.ts'
import { GPU, gpuCountOf, isGpuDemand } from '../model/gpus.ts'
import { marksOf } from '../model/marks.ts'
import { brokenLinks } from '../model/network.ts'
import { parseQuantity } from '../model/quantity.ts'
import { ID_CHARS_MAX, isId, isPageName } from './ids.ts'
import { nestedTooDeep } from './nesting.ts'
import {
  EXECUTORS,
  type ExecutorName,
  executorOf,
  type MeshConfig,
  type Messages,
  PAYLOAD_BYTES_MAX,
  payloadBytesMax,
  specBytesMax,
  type TaskSpec,
  type Withdraw,
} from './schemas/index.ts'
import type { Address, Route } from './topics.ts'
import { findFault } from './validators.ts'

/**
 * A message as it came in on a topic of the protocol. `empty` is a cleared retained topic; `page` names the page of
 * results where the topic has one.
 */
export type Incoming = {
  [R in Route]: {
    readonly route: R
    readonly id: string
    readonly page?: string
    readonly retained: boolean
  } & ({ readonly body: Messages[R] } | { readonly empty: true } | { readonly rejection: Rejection })
}[Route]

export type Decoded<T> = { readonly body: T } | { readonly rejection: Rejection }

/** True when the spec's topic carries the wish to withdraw. */
export function isWithdraw(spec: TaskSpec | Withdraw): spec is Withdraw {
  return 'withdraw' in spec
}

/**
 * Reads one payload.
 *
 * @param address the topic, taken apart by `Topics.parse`
 * @param text the payload as UTF-8 text; `undefined` when it is not UTF-8
 * @param bytes its size
 */
export function decode(
  address: Address,
  text: string | undefined,
  bytes: number,
  retained: boolean,
): Incoming {
  const { route } = address
  const id = address.id ?? ''
  const { page } = address
  const as = (content: object) => {
    // Not as one literal that begins with a spread: each of those would have a hidden class of its own in V8, and
    // whatever reads messages would be slow.
    const head = page === undefined ? { route, id, retained } : { route, id, page, retained }
    return Object.assign(head, content) as Incoming
  }
  if (bytes === 0) return as({ empty: true })
  if (address.id !== undefined && !isId(id)) {
    const shown = JSON.stringify(id.slice(0, ID_CHARS_MAX))
    return as({ rejection: rejection('E_ID', '', `${shown} in the topic is not an id`) })
  }
  if (page !== undefined && !isPageName(page)) {
    const shown = JSON.stringify(page.slice(0, ID_CHARS_MAX))
    return as({ rejection: rejection('E_ID', '', `${shown} in the topic names no page`) })
  }
  if (bytes > payloadBytesMax(route)) {
    return as({ rejection: tooLarge(bytes, payloadBytesMax(route)) })
  }
  const decoded = decodeBody(route, text)
  if (route === 'spec' && 'body' in decoded && bytes > specBytesMax(decoded.body)) {
    return as({ rejection: tooLarge(bytes, specBytesMax(decoded.body)) })
  }
  return as(decoded)
}

function tooLarge(bytes: number, bytesMax: number): Rejection {
  return rejection('E_TOO_LARGE', '', `${bytes} bytes exceed the ${bytesMax} that a payload may have`)
}

/** Reads the payload of a route, without its topic. */
export function decodeBody<R extends Route>(route: R, text: string | undefined): Decoded<Messages[R]> {
  if (text === undefined) return { rejection: rejection('E_NOT_JSON', '', 'the payload is not UTF-8') }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { rejection: rejection('E_NOT_JSON', '', (error as Error).message) }
  }
  const fault = checkBody(route, value) ?? (route === 'spec' ? growsTooLarge(text, value) : undefined)
  return fault === undefined ? { body: value as Messages[R] } : { rejection: fault }
}

/** Checks a value that was built or parsed already; `undefined` when it is a message of the route. */
export function checkBody(route: Route, value: unknown): Rejection | undefined {
  return nestedTooDeep(route, value) ?? checkFields(route, value)
}

function checkFields(route: Route, value: unknown): Rejection | undefined {
  if (route === 'config') return brokenConfig(value)
  if (route !== 'spec') return findFault(route, value)
  if (typeof value === 'object' && value !== null && 'withdraw' in value) return findFault('withdraw', value)
  return (
    wrongKind(value) ??
    findFault('spec', value) ??
    emptyCommand(value as TaskSpec) ??
    unguarded(value as TaskSpec) ??
    misplacedArtifacts(value as TaskSpec) ??
    brokenGpus(value as TaskSpec) ??
    badArray(value as TaskSpec) ??
    strayed(value as TaskSpec) ??
    contradiction(value as TaskSpec)
  )
}

function brokenConfig(value: unknown): Rejection | undefined {
  return findFault('config', value) ?? crossedMarks(value as MeshConfig) ?? brokenLinks(value as MeshConfig)
}

/** What is moved off a device must not make the next one hot. */
function crossedMarks(config: MeshConfig): Rejection | undefined {
  const { low, high } = marksOf(config)
  if (low <= high) return undefined
  const remedy = 'Set lowMark to at most highMark'
  return rejection('E_SHAPE', '/lowMark', `lowMark ${low} is above highMark ${high}`, remedy)
}

/** What is spread is a group. */
function strayed({ spread, group }: TaskSpec): Rejection | undefined {
  if (spread === undefined || group !== undefined) return undefined
  const message = `"spread" says how a group stands, and the task is of none`
  return rejection('E_SHAPE', '/spread', message, 'Give all tasks that are to be spread the same "group"')
}

/** What is left of several GPUs is not one: beyond one they are taken whole. */
function brokenGpus({ resources }: TaskSpec): Rejection | undefined {
  const asked = resources?.[GPU]
  const milli = asked === undefined ? 0 : (parseQuantity(asked) ?? 0)
  if (isGpuDemand(milli)) return undefined
  const message = `${JSON.stringify(asked)} is neither a share of one GPU nor a number of whole ones`
  const whole = gpuCountOf(milli)
  const remedy = `Ask for at most "1", such as "500m", or for whole GPUs, such as "${whole}"`
  return rejection('E_SHAPE', '/resources/gpu', message, remedy)
}

/** What an array must be beyond its schema: inputs of its own, each small enough to be sent with the rest. */
function badArray(spec: TaskSpec): Rejection | undefined {
  const { array, ...rest } = spec
  if (array === undefined) return undefined
  if (spec.input !== undefined) {
    const remedy = 'Put what all elements share into each of them, or into "run"'
    return rejection('E_SHAPE', '/input', 'an array has one input for each element and none for all', remedy)
  }
  if (spec.exclusive === true) {
    const remedy = 'Submit the elements as exclusive tasks of their own, or make the work safe to run twice'
    return rejection('E_SHAPE', '/exclusive', 'an array cannot be exclusive', remedy)
  }
  const shared = utf8ToBytes(JSON.stringify(rest)).length
  for (const [index, input] of array.entries()) {
    const text = JSON.stringify(input)
    if (shared + text.length * UTF8_BYTES_MAX <= PAYLOAD_BYTES_MAX) continue
    const bytes = shared + utf8ToBytes(text).length
    if (bytes <= PAYLOAD_BYTES_MAX) continue
    const message = `the element takes ${bytes} bytes with the rest of the spec, and ${PAYLOAD_BYTES_MAX} are allowed`
    return rejection('E_TOO_LARGE', `/array/${index}`, message)
  }
  return undefined
}

/** Bytes of UTF-8 that a UTF-16 code unit takes at most. */
const UTF8_BYTES_MAX = 3

/** The longest that text can become when it is read and written again: `1e20,` has 5 bytes, then 22. */
const REWRITTEN_FACTOR_MAX = 5

/** A spec is sent on as it is written here, and numbers may take more room then. */
function growsTooLarge(text: string, value: unknown): Rejection | undefined {
  if (text.length * REWRITTEN_FACTOR_MAX <= PAYLOAD_BYTES_MAX) return undefined
  const bytesMax = specBytesMax(value as object)
  const rewritten = utf8ToBytes(JSON.stringify(value)).length
  if (rewritten <= bytesMax || utf8ToBytes(text).length > bytesMax) return undefined
  const message = `written out in full it takes ${rewritten} bytes, and ${bytesMax} are allowed`
  return rejection('E_TOO_LARGE', '', message)
}

/** A schema of a list says nothing of its first item alone. */
function emptyCommand({ run }: TaskSpec): Rejection | undefined {
  if (!('exec' in run) || run.exec[0] !== '') return undefined
  return rejection('E_SHAPE', '/run/exec/0', 'the program to run is empty', 'Name a program')
}

const NOUNS: Readonly<Record<ExecutorName, string>> = {
  exec: 'a command',
  function: 'a function',
  container: 'a container',
  wasm: 'a module',
}

/** What is exclusive must be ended even when its agent is frozen or dead, and that takes a process of its own. */
function unguarded({ run, exclusive }: TaskSpec): Rejection | undefined {
  if (exclusive !== true || 'exec' in run) return undefined
  const message = `${NOUNS[executorOf(run)]} cannot be exclusive: nobody but its agent can end it`
  return rejection('E_SHAPE', '/exclusive', message, 'Run it as a command, with "exec"')
}

/** A container has files of its own, and sees none of the device's. */
function misplacedArtifacts({ run, artifacts }: TaskSpec): Rejection | undefined {
  if (artifacts === undefined || !('container' in run)) return undefined
  const message = 'a container gets no artifacts: its files come with its image'
  return rejection('E_SHAPE', '/artifacts', message, 'Put them into the image, or run it with "exec"')
}

const WITH_PROCESS = ['env', 'cwd']

/** Which of those a kind cannot have, and why. */
const WITHOUT: Partial<Record<ExecutorName, { readonly keys: readonly string[]; readonly why: string }>> = {
  function: { keys: WITH_PROCESS, why: 'all functions share a process' },
  wasm: { keys: ['cwd'], why: 'it sees no folder but its own' },
}

/** `run` names its kind by one key, so a wrong one deserves better than "unknown field". */
function wrongKind(value: unknown): Rejection | undefined {
  const run = (value as { run?: unknown } | null)?.run
  if (typeof run !== 'object' || run === null || Array.isArray(run)) return undefined
  const keys = Object.keys(run)
  const kinds = EXECUTORS.filter((kind) => keys.includes(kind))
  const allowed = `Use exactly one of: ${EXECUTORS.join(', ')}`
  if (kinds.length > 1) {
    return rejection(
      'E_SHAPE',
      '/run',
      `it names ${kinds.length} kinds of work: ${kinds.join(', ')}`,
      allowed,
    )
  }
  if (kinds.length === 0) {
    const name = keys.find((key) => !WITH_PROCESS.includes(key))
    if (name !== undefined) return rejection('E_EXECUTOR', `/run/${name}`, `there is no executor "${name}"`)
    return rejection('E_SHAPE', '/run', 'it names nothing to run', allowed)
  }
  const kind = kinds[0] as ExecutorName
  const without = WITHOUT[kind]
  const extra = keys.find((key) => without?.keys.includes(key))
  if (without === undefined || extra === undefined) return undefined
  const message = `${NOUNS[kind]} has no "${extra}" of its own: ${without.why}`
  return rejection('E_SHAPE', `/run/${extra}`, message, `Remove "${extra}", or pass it in "input"`)
}
