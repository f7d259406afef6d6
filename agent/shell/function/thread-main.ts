/**
 * The program of a thread that runs the user's functions, one call at a time. All it says to the agent goes through
 * one port, output included, so that it arrives in order; and no more than the agent can take, because a loop that
 * logs never waits for anybody.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { workerData } from 'node:worker_threads'
import { PROGRESS_JSON_BYTES_MAX, VALUE_JSON_BYTES_MAX } from '../../../shared/functions/bounds.ts'
import type { FunctionContext, FunctionHandler } from '../../../shared/functions/handler.ts'
import { CHECKPOINT_BYTES_MAX, CHECKPOINT_EVERY_MS } from '../../../shared/model/checkpoint.ts'
import { ByteBudget } from '../live-output.ts'
import { loadHandlers } from './handlers.ts'
import { inputFault } from './input-schema.ts'
import { toJson } from './json-value.ts'
import { LatestOnly } from './latest-only.ts'
import type { FromThread, ThreadCall, ThreadData, ThreadFault, ToThread } from './messages.ts'

const data = workerData as ThreadData
const { port } = data
const say = (message: FromThread): void => port.postMessage(message)

/** What a message costs beside its text. */
const MESSAGE_BYTES = 128
const PIECE_CHARS_MAX = 16 * 1024
const MEMORY_LOOK_MS = 100
/** A thread that still holds this share of its memory after a call has leaked, and the next call would pay for it. */
const SPENT_SHARE = 0.75
const STACK_CHARS_MAX = 4_000

let budget = new ByteBudget(data.logBytesPerSecondMax)
let truncated = false
let aborting: AbortController | undefined
const newCheckpoints = (): LatestOnly =>
  new LatestOnly(CHECKPOINT_EVERY_MS, (json) => say({ from: 'checkpoint', json }))
let checkpoints = newCheckpoints()

function output(stream: 'stdout' | 'stderr', text: string): void {
  for (let from = 0; from < text.length; from += PIECE_CHARS_MAX) {
    const piece = text.slice(from, from + PIECE_CHARS_MAX)
    if (budget.take(Buffer.byteLength(piece) + MESSAGE_BYTES)) say({ from: 'output', stream, text: piece })
    else {
      truncated = true
      return
    }
  }
}

/** Whatever writes to these, `console` too, writes to the output of the call. */
for (const stream of ['stdout', 'stderr'] as const) {
  process[stream].write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    output(stream, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))
    const written = rest.at(-1)
    if (typeof written === 'function') written()
    return true
  }) as typeof process.stdout.write
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use, counted again without garbage when they exceed `bytesMax`. */
function usedBytes(bytesMax: number): number {
  const used = () => {
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const bytes = used()
  if (bytes <= bytesMax) return bytes
  collect()
  return used()
}

function contextOf(call: ThreadCall, signal: AbortSignal): FunctionContext {
  const { mesh, device } = data
  const mine = checkpoints
  return {
    mesh,
    device,
    task: call.task,
    attempt: call.attempt,
    artifacts: call.artifacts,
    gpus: call.gpus,
    signal,
    lastCheckpoint: call.checkpoint === undefined ? undefined : JSON.parse(call.checkpoint),
    checkpoint: (value) => {
      const made = toJson(value, CHECKPOINT_BYTES_MAX)
      if ('code' in made) {
        const message = `checkpoint: ${made.message.replace('returned', 'was given')}`
        throw made.code === 'E_VALUE_SIZE' ? new RangeError(message) : new TypeError(message)
      }
      if (made.json === undefined) throw new TypeError('checkpoint: it was given nothing')
      mine.put(made.json)
    },
    log: (text) => output('stdout', `${text}\n`),
    progress: (value) => {
      const made = toJson(value, PROGRESS_JSON_BYTES_MAX)
      if ('code' in made) throw new TypeError(`progress: ${made.message.replace('returned', 'was given')}`)
      if (made.json === undefined) throw new TypeError('progress: it was given nothing')
      if (budget.take(made.json.length + MESSAGE_BYTES)) say({ from: 'progress', json: made.json })
    },
  }
}

async function run(handler: FunctionHandler | undefined, call: ThreadCall): Promise<void> {
  budget = new ByteBudget(data.logBytesPerSecondMax)
  truncated = false
  aborting = new AbortController()
  checkpoints = newCheckpoints()
  let json: string | undefined
  let fault: ThreadFault | undefined
  try {
    const input: unknown = call.input === undefined ? undefined : JSON.parse(call.input)
    fault = handler === undefined ? missing(call.name) : await inputFault(handler, input)
    if (handler !== undefined && fault === undefined) {
      const made = toJson(await handler(input, contextOf(call, aborting.signal)), VALUE_JSON_BYTES_MAX)
      if ('code' in made) fault = made
      else json = made.json
    }
  } catch (error) {
    fault = thrown(error)
  }
  aborting = undefined
  checkpoints.end()
  const spentBytes = SPENT_SHARE * data.memoryBytesMax
  const spent = usedBytes(spentBytes) > spentBytes
  say({ from: 'returned', returned: { json, fault, truncated, spent } })
}

function missing(name: string): ThreadFault {
  return { code: 'E_NO_FUNCTION', message: `the module has no function "${name}" any more` }
}

/** Anything can be thrown, also what cannot be turned into text. */
function thrown(error: unknown): ThreadFault {
  try {
    if (!(error instanceof Error))
      return { code: 'E_FUNCTION', message: `the function threw ${String(error)}` }
    const message = `the function threw ${error.name}: ${error.message}`
    return { code: 'E_FUNCTION', message, stack: String(error.stack).slice(0, STACK_CHARS_MAX) }
  } catch {
    return { code: 'E_FUNCTION', message: 'the function threw what cannot be shown' }
  }
}

async function main(): Promise<void> {
  let handlers: ReadonlyMap<string, FunctionHandler>
  try {
    handlers = await loadHandlers(data.module)
  } catch (error) {
    say({ from: 'unloadable', message: error instanceof Error ? error.message : String(error) })
    return
  }
  port.on('message', (message: ToThread) => {
    if (message.to === 'abort') {
      // It may be over before the next would be due.
      checkpoints.flush()
      aborting?.abort()
    } else void run(handlers.get(message.call.name), message.call)
  })
  setInterval(() => {
    const bytes = usedBytes(data.memoryBytesMax)
    if (bytes > data.memoryBytesMax) say({ from: 'over', bytes })
  }, MEMORY_LOOK_MS).unref()
  say({ from: 'loaded', names: [...handlers.keys()] })
}

void main()
