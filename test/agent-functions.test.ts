/** Functions in real threads, the good ones and the bad. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FunctionExecutor, loadFunctions } from '../agent/shell/function/function.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import type { RunEnd } from '../shared/ports.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'

const HANDLERS = `
import { threadId } from 'node:worker_threads'
const kept = []
export const add = ({ a, b }) => a + b
add.input = { type: 'object', required: ['a', 'b'], properties: { a: { type: 'number' }, b: { type: 'number' } } }
export const nothing = () => {}
export const told = (input, { task, device, mesh, attempt, log, progress }) => {
  log('one'); console.log('two'); console.error('three'); process.stdout.write('four')
  progress({ done: 1, of: 2 })
  return { input, task, device, mesh, attempt }
}
export const thread = () => threadId
export const throws = () => { throw new TypeError('no such thing') }
export const throwsText = async () => { throw 'just text' }
export const throwsNothing = () => { throw { toString() { throw 1 } } }
export const loops = () => { for (;;); }
export const loopsOnce = (_, { log }) => { log('begun'); for (;;); }
export const chatters = () => { for (let i = 0; i < 200000; i++) console.log('x'.repeat(100)) }
export const exits = () => process.exit(3)
export const later = () => { setTimeout(() => { throw new Error('later') }, 1); return new Promise(() => {}) }
export const leaksHeap = () => { const all = []; for (;;) all.push({ all, text: [1, 2, 3] }) }
export const leaksBuffers = async () => {
  for (;;) { kept.push(Buffer.alloc(1 << 20, 1)); await new Promise((resolve) => setTimeout(resolve, 1)) }
}
export const leaksAtOnce = () => new Array(1e8).fill(1).map((x, i) => ({ i })).length
export const leaksUnasked = () => { for (;;) kept.push(new Float64Array(1e6).fill(1)) }
export const keeps = () => { kept.push(Buffer.alloc(12 << 20, 1)); return threadId }
export const waits = (_, { signal, log }) => new Promise((resolve) => {
  signal.addEventListener('abort', () => resolve('aborted'))
  log('waiting')
})
export const deaf = (_, { log }) => new Promise(() => { log('waiting'); setInterval(() => {}, 1000) })
export const large = () => 'x'.repeat(10 << 20)
export const big = () => 10n
export const map = () => ({ a: [1, new Map([[1, 2]])] })
export const deep = () => { let a = []; for (let n = 0; n < 5000; n++) a = [a]; return a }
export const circle = () => { const a = {}; a.b = a; return a }
export const nan = () => [1, NaN]
export const bytes = () => Buffer.from('abc')
export const day = () => ({ at: new Date(0), left: undefined })
export const trap = () => ({ get a() { throw new Error('trap') } })
export const secret = () => Object.keys(process.env).filter((name) => name.startsWith('COVEY_'))
export const noPromise = (_, { progress }) => progress(() => 1)
`
let folder: string
let executors: FunctionExecutor[]
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-functions-')))
  executors = []
})
afterEach(async () => {
  await Promise.all(executors.map((executor) => executor.close()))
  rmSync(folder, { recursive: true, force: true })
})

const write = (text: string): string => {
  const file = join(folder, 'handlers.mjs')
  writeFileSync(file, text)
  return file
}

async function executor(text = HANDLERS, limits: Partial<ShellLimits> = {}) {
  const recorder = new InputRecorder()
  const all = { ...DEFAULT_LIMITS, ...limits }
  const module = await loadFunctions(write(text), all)
  const log = recordLog()
  const made = new FunctionExecutor(
    { agent: { mesh: 'home', device: 'pi-1', data: folder }, emit: recorder.emit, log, limits: all },
    module,
  )
  executors.push(made)
  let n = 0
  const begin = (name: string, input?: unknown, memory?: string) => {
    const attempt = { term: 1, agent: 'pi-1', n: ++n }
    made.run(attempt, 'task', {
      run: { function: name },
      ...(input === undefined ? {} : { input }),
      ...(memory === undefined ? {} : { resources: { memory } }),
    })
    const mine = <T extends { attempt: { n: number } }>(inputs: readonly T[]) =>
      inputs.filter((one) => one.attempt.n === attempt.n)
    const text = (stream: string) =>
      mine(recorder.of('output'))
        .filter((output) => output.stream === stream)
        .map((output) => output.text)
        .join('')
    const end = async (): Promise<RunEnd> =>
      (await until(() => mine(recorder.of('ended'))[0], `the end of ${name}`)).end
    return { attempt, end, text }
  }
  return { made, begin, module, log, recorder }
}

describe('a function', () => {
  it('is called with its input and gives its value, its output and its progress', async () => {
    const { begin, module } = await executor()
    expect(module.names).toContain('add')
    const call = begin('told', { n: [1, 'ä'] })
    expect(await call.end()).toEqual({
      outcome: 'succeeded',
      result: {
        value: {
          input: { n: [1, 'ä'] },
          task: 'task',
          device: 'pi-1',
          mesh: 'home',
          attempt: '1.pi-1.1',
        },
        stdout: 'one\ntwo\nfour',
        stderr: 'three\n',
        limits: { memory: 'heap' },
      },
    })
    expect(call.text('stdout')).toBe('one\ntwo\nfour')
    expect(call.text('progress')).toBe('{"done":1,"of":2}')
    const empty = await begin('nothing').end()
    expect(empty).toMatchObject({ outcome: 'succeeded' })
    expect(empty.result).not.toHaveProperty('value')
    expect(await begin('day').end()).toMatchObject({ result: { value: { at: '1970-01-01T00:00:00.000Z' } } })
  })

  it('refuses input that does not match the schema it carries', async () => {
    const { begin } = await executor()
    expect(await begin('add', { a: 1, b: 2 }).end()).toMatchObject({ result: { value: 3 } })
    expect(await begin('add', { a: 1, b: '2' }).end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_INPUT', message: 'add: input/b must be number' },
    })
    expect(await begin('add').end()).toMatchObject({
      error: { code: 'E_INPUT', message: 'add: input must be object' },
    })
  })

  it('finds its thread warm, and has it alone', async () => {
    const { begin } = await executor()
    const value = async (call: { end: () => Promise<RunEnd> }) => (await call.end()).result?.value
    const first = await value(begin('thread'))
    expect(await value(begin('thread'))).toBe(first)
    const waiting = begin('waits')
    await until(() => waiting.text('stdout').includes('waiting'), 'the call to begin')
    expect(await value(begin('thread'))).not.toBe(first)
    expect(await value(begin('throws'))).toBeUndefined()
    // Another size of memory is another thread.
    const other = await value(begin('thread', undefined, '48Mi'))
    expect(await value(begin('thread', undefined, '48Mi'))).toBe(other)
  })

  it.each([
    ['throws', 'E_FUNCTION', 'throws: the function threw TypeError: no such thing'],
    ['throwsText', 'E_FUNCTION', 'throwsText: the function threw just text'],
    ['throwsNothing', 'E_FUNCTION', 'throwsNothing: the function threw what cannot be shown'],
    ['exits', 'E_FUNCTION', 'exits: the function ended its thread with code 3'],
    ['later', 'E_FUNCTION', 'later: an error that nobody caught: later'],
    ['large', 'E_VALUE_SIZE', 'large: it returned more than 49152 bytes of JSON, and 49152 are allowed'],
    ['big', 'E_VALUE', 'big: it returned a bigint, which JSON cannot hold'],
    ['map', 'E_VALUE', 'map: it returned a Map at /a/1, which JSON cannot hold'],
    ['circle', 'E_VALUE', 'circle: it returned itself at /b, which JSON cannot hold'],
    ['deep', 'E_VALUE', 'deep: it returned what is nested deeper than 100 levels'],
    ['nan', 'E_VALUE', 'nan: it returned NaN at /1, which JSON cannot hold'],
    ['bytes', 'E_VALUE', 'bytes: it returned a Uint8Array, which JSON cannot hold'],
    ['trap', 'E_VALUE', 'trap: it returned what cannot be read: Error: trap'],
    [
      'noPromise',
      'E_FUNCTION',
      'noPromise: the function threw TypeError: progress: it was given a function, which JSON cannot hold',
    ],
    ['absent', 'E_NO_FUNCTION', 'absent: the module has no function "absent" any more'],
  ])('%s ends as %s, and the next call is not disturbed', async (name, code, message) => {
    const { begin } = await executor()
    const end = await begin(name).end()
    expect(end).toMatchObject({ outcome: 'failed', error: { code, message } })
    expect(JSON.stringify(end).length).toBeLessThan(20_000)
    expect(await begin('add', { a: 1, b: 1 }).end()).toMatchObject({ result: { value: 2 } })
  })

  it('says in its result where it threw', async () => {
    const { begin } = await executor()
    expect((await begin('throws').end()).result?.stderr).toMatch(
      /^TypeError: no such thing\n +at throws .*handlers\.mjs/,
    )
  })

  it('that loops is terminated after its grace, and nothing waits for it meanwhile', async () => {
    const { begin, made } = await executor()
    const looping = begin('loopsOnce')
    await until(() => looping.text('stdout').includes('begun'), 'the loop')
    let ticks = 0
    const ticking = setInterval(() => ticks++, 1)
    await until(() => ticks > 20, 'the agent to go on')
    clearInterval(ticking)
    made.kill(looping.attempt, 50)
    expect(await looping.end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_FUNCTION', message: 'loopsOnce: it was told to end and its thread was terminated' },
      result: { stdout: 'begun\n' },
    })
    expect(await begin('add', { a: 1, b: 1 }).end()).toMatchObject({ result: { value: 2 } })
  })

  it('hears that it must end, and may end well', async () => {
    const { begin, made } = await executor()
    const waiting = begin('waits')
    await until(() => waiting.text('stdout').includes('waiting'), 'the call to begin')
    made.kill(waiting.attempt, 30_000)
    expect(await waiting.end()).toMatchObject({ outcome: 'succeeded', result: { value: 'aborted' } })
  })

  it('that is deaf is terminated, also before it began', async () => {
    const { begin, made } = await executor()
    const deaf = begin('deaf')
    made.kill(deaf.attempt, 0)
    expect(await deaf.end()).toMatchObject({ outcome: 'failed' })
    made.kill(deaf.attempt, 0)
    const ended = { term: 1, agent: 'pi-1', n: 99 }
    made.kill(ended, 0)
  })

  it('that uses more memory than it may fails alone', async () => {
    const { begin } = await executor()
    expect(await begin('leaksHeap').end()).toMatchObject({ outcome: 'failed', error: { code: 'E_MEMORY' } })
    expect(await begin('leaksBuffers', undefined, '24Mi').end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_MEMORY', message: expect.stringContaining('25165824 are its limit') },
    })
    expect(await begin('add', { a: 1, b: 1 }).end()).toMatchObject({ result: { value: 2 } })
  })

  it.each(['leaksAtOnce', 'leaksUnasked'])(
    'that %s ends its process, not the agent, and the next call has a new one',
    async (name) => {
      const { begin, made } = await executor()
      expect(await begin('add', { a: 1, b: 1 }).end()).toMatchObject({ result: { value: 2 } })
      const before = made.pid as number
      expect(await begin(name).end()).toMatchObject({ outcome: 'failed', error: { code: 'E_MEMORY' } })
      expect(await begin('add', { a: 1, b: 1 }).end()).toMatchObject({ result: { value: 2 } })
      expect(made.pid).not.toBe(before)
      expect(readProcess(before)?.state ?? 'Z').toBe('Z')
    },
  )

  it('fails when its process is killed, and leaves none when the executor closes', async () => {
    const { begin, made } = await executor()
    const waiting = begin('waits')
    await until(() => waiting.text('stdout').includes('waiting'), 'the call to begin')
    process.kill(made.pid as number, 'SIGKILL')
    expect(await waiting.end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_FUNCTION', message: 'waits: the process of functions ended with signal SIGKILL' },
    })
    await begin('nothing').end()
    const last = made.pid as number
    await made.close()
    await until(() => (readProcess(last)?.state ?? 'Z') === 'Z', 'the process to go')
  })

  it('that leaks from call to call gets a new thread before the memory is used up', async () => {
    const { begin } = await executor()
    const threads: unknown[] = []
    for (let i = 0; i < 8; i++) {
      const end = await begin('keeps', undefined, '48Mi').end()
      expect(end.outcome).toBe('succeeded')
      threads.push(end.result?.value)
    }
    expect(new Set(threads).size).toBeGreaterThan(1)
  })

  it('that writes without end is cut, and says so', async () => {
    const { begin } = await executor()
    const end = await begin('chatters').end()
    expect(end).toMatchObject({ outcome: 'succeeded', result: { truncated: true } })
    expect(end.result?.stdout?.length).toBeLessThanOrEqual(DEFAULT_LIMITS.stdoutBytesMax)
  })

  it('does not see the password of the broker', async () => {
    process.env['COVEY_PASSWORD'] = 'secret'
    const { begin } = await executor()
    expect((await begin('secret').end()).result?.value).toEqual([])
    delete process.env['COVEY_PASSWORD']
  })
})

describe('a module of functions', () => {
  const load = (text: string, limits: Partial<ShellLimits> = {}) =>
    loadFunctions(write(text), { ...DEFAULT_LIMITS, ...limits })

  it('gives its names: exported functions, and those of an object exported as default', async () => {
    const { names } = await load(
      'export const a = () => 1; export const limit = 3; export default { "b-c": () => 2, d: 4 }',
    )
    expect([...names].sort()).toEqual(['a', 'b-c'])
  })

  it.each<[string, string, Partial<ShellLimits>]>([
    ['export const a = (', 'Unexpected', {}],
    ['import "not-there"; export const a = () => 1', "Cannot find package 'not-there'", {}],
    ['throw new Error("not today"); export const a = () => 1', 'not today', {}],
    ['export const a = 1', 'it exports no function', {}],
    ['export default { "a b": () => 1 }', 'named "a b"', {}],
    ['for (;;); export const a = () => 1', 'did not load within 500 ms', { functionLoadMs: 500 }],
    ['process.exit(4); export const a = () => 1', 'with code 4', {}],
  ])('that cannot be used is refused: %s', async (text, message, limits) => {
    await expect(load(text, limits)).rejects.toMatchObject({
      code: 'E_FUNCTIONS',
      message: expect.stringContaining(message),
    })
  })

  it('that is no file is refused', async () => {
    await expect(loadFunctions(join(folder, 'nowhere.mjs'), DEFAULT_LIMITS)).rejects.toMatchObject({
      code: 'E_FUNCTIONS',
      message: `${join(folder, 'nowhere.mjs')} is no file`,
    })
  })
})
