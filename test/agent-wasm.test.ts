/** WebAssembly modules in real processes, from a real broker: the good ones and the bad. */
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ArtifactCache } from '../agent/shell/artifacts/cache.ts'
import { ArtifactSource } from '../agent/shell/artifacts/source.ts'
import { Limiter } from '../agent/shell/limiter/limiter.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import { listProcesses, readEnvironment } from '../agent/shell/process-table.ts'
import { WasmExecutor } from '../agent/shell/wasm/wasm.ts'
import { type RunningBroker, startBroker } from '../broker/broker.ts'
import { putArtifact } from '../client/artifacts.ts'
import type { RunEnd } from '../shared/ports.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'
import * as modules from './wasm-modules.ts'
import { artifactNameOf } from './wasm-modules.ts'

let folder: string
let broker: RunningBroker
let executors: WasmExecutor[]
beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-wasm-')))
  broker = await startBroker({ port: 0, data: join(folder, 'broker') })
  executors = []
})
afterEach(async () => {
  await Promise.all(executors.map((executor) => executor.close()))
  await broker.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Puts content among the broker's artifacts. */
async function put(content: string | Uint8Array): Promise<string> {
  const file = join(folder, 'content')
  writeFileSync(file, content)
  return (await putArtifact(file, { url: broker.urls[0] as string })).name
}

interface Wish {
  readonly args?: string[]
  readonly env?: Record<string, string>
  readonly input?: unknown
  readonly resources?: Record<string, string>
  readonly artifacts?: Record<string, string>
}

async function executor(wished: Partial<ShellLimits> = {}, execLimits: 'auto' | 'none' = 'none') {
  const recorder = new InputRecorder()
  const limits = { ...DEFAULT_LIMITS, ...wished }
  const log = recordLog()
  const data = join(folder, 'agent')
  const source = new ArtifactSource({ url: `http://127.0.0.1:${broker.port}` }, limits, log)
  const artifacts = await ArtifactCache.open(data, source, limits, log)
  const limiter = new Limiter({ execLimits, cpuLimit: 'share', data, log })
  const agent = { mesh: 'home', device: 'pi-1', data }
  const made = new WasmExecutor({ agent, emit: recorder.emit, log, limits, artifacts, limiter })
  executors.push(made)
  let n = 0
  const begin = (module: string, { args, env, ...rest }: Wish = {}) => {
    const attempt = { term: 1, agent: 'pi-1', n: ++n }
    const wasm = { module, ...(args === undefined ? {} : { args }) }
    const spec: TaskSpec = { run: { wasm, ...(env === undefined ? {} : { env }) }, ...rest }
    made.run(attempt, 'task', spec)
    const mine = <T extends { attempt: { n: number } }>(inputs: readonly T[]) =>
      inputs.filter((one) => one.attempt.n === attempt.n)
    const end = async (): Promise<RunEnd> =>
      (await until(() => mine(recorder.of('ended'))[0], `the end of ${module}`)).end
    const printed = () =>
      mine(recorder.of('output'))
        .map(({ text }) => text)
        .join('')
    return { attempt, end, printed, started: () => mine(recorder.of('started'))[0] }
  }
  const run = async (content: Uint8Array, wish?: Wish) => begin(await put(content), wish).end()
  return { made, begin, run, data, log, artifacts }
}

describe('a module', () => {
  it('gets input, arguments and environment, and gives output and exit code', async () => {
    const { run, begin, data } = await executor()
    const limits = { memory: 'wasm' }
    expect(await run(modules.says('hello\n'))).toEqual({
      outcome: 'succeeded',
      result: { exitCode: 0, stdout: 'hello\n', stderr: '', limits },
    })
    expect(await run(modules.says('oh\n', 7, 2))).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_EXIT' },
      result: { exitCode: 7, stdout: '', stderr: 'oh\n', limits },
    })
    const input = { text: 'ä'.repeat(10_000) }
    expect((await run(modules.echoes(), { input })).result?.stdout).toBe(`${JSON.stringify(input)}\n`)
    expect((await run(modules.tells('args'), { args: ['-v', 'two words'] })).result?.stdout).toBe(
      'module.wasm\0-v\0two words\0',
    )
    const environment = (await run(modules.tells('environ'), { env: { A: '1', COVEY_TASK: 'forged' } }))
      .result?.stdout
    expect(environment?.split('\0').sort()).toEqual([
      '',
      'A=1',
      'COVEY_ATTEMPT=1.pi-1.5',
      'COVEY_CHECKPOINT=/.checkpoint/state',
      'COVEY_DEVICE=pi-1',
      'COVEY_MESH=home',
      'COVEY_TASK=task',
    ])
    const call = begin(artifactNameOf(modules.says('hello\n')))
    await call.end()
    expect(call.printed()).toBe('hello\n')
    await until(() => readdirSync(join(data, 'work')).length === 0, 'the work folders to go')
  })

  it('sees its own folder and its artifacts, and nothing behind a link or above it', async () => {
    const { run } = await executor()
    const artifacts = { 'notes.txt': await put('kept by the mesh') }
    expect((await run(modules.shows('artifacts/notes.txt'), { artifacts })).result?.stdout).toBe(
      'kept by the mesh',
    )
    expect((await run(modules.follows('artifacts/notes.txt'), { artifacts })).result?.stdout).toBe(
      'kept by the mesh',
    )
    // Its folder is the root of all that it sees, so there is nothing above; outside that file is there.
    const NOENT = 44
    expect((await run(modules.shows('../module.wasm'))).result?.exitCode).toBe(NOENT)
    for (const target of ['/etc/passwd', '../module.wasm', '../../../../../../../../etc/passwd']) {
      const end = await run(modules.follows(target))
      expect(end.result?.stdout, target).toBe('')
      expect(end.result?.exitCode, target).toBeGreaterThan(0)
    }
  })

  it('is placed with no more than a process of its own, which is gone when it has ended', async () => {
    const { begin, made, data } = await executor()
    const call = begin(await put(modules.loops()))
    const { pid } = await until(() => call.started(), 'the start')
    expect(pid).not.toBe(process.pid)
    made.kill(call.attempt, 60_000)
    expect(await call.end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_SIGNAL' },
      result: { signal: 'SIGTERM' },
    })
    expect(
      listProcesses()?.filter(({ pid }) => readEnvironment(pid).includes(`COVEY_AGENT_DATA=${data}`)),
    ).toEqual([])
  })

  it('is held to a cpu that it states where something can hold it, and the result says by what', async () => {
    const resources = { cpu: '500m' }
    const bare = await executor()
    expect((await bare.run(modules.says('x'), { resources })).result?.limits).toEqual({
      cpu: 'none',
      memory: 'wasm',
    })
    await bare.made.close()
    const held = await executor({}, 'auto')
    expect(await held.run(modules.says('x'), { resources })).toMatchObject({
      outcome: 'succeeded',
      result: {
        stdout: 'x',
        limits: { cpu: expect.stringMatching(/^cgroup v[12] share$|^none$/), memory: 'wasm' },
      },
    })
  })
})

describe('a bad module', () => {
  it('that takes memory without end gets none beyond its limit, whatever it says of itself', async () => {
    const { run } = await executor()
    const pages = (mebibytes: number) => (mebibytes * 2 ** 20) / 65_536
    // Exit codes have eight bits on most systems; what a module says is told in full.
    expect((await run(modules.countsPages())).result?.exitCode).toBe(pages(32))
    for (const memory of [[1], [1, 65_536], [1, pages(16)]] as const) {
      const end = await run(modules.countsPages({ memory }), { resources: { memory: '16Mi' } })
      expect(end.result).toMatchObject({ exitCode: pages(16), limits: { memory: 'wasm' } })
      expect(end.error?.message).toContain(
        `with ${16 * 2 ** 20} of its ${16 * 2 ** 20} bytes of memory in use`,
      )
    }
    expect((await run(modules.countsPages({ memory: [1, 3] }))).result?.exitCode).toBe(3)
    const resources = { memory: '8Mi' }
    expect(await run(modules.takesAllAndTraps(), { resources })).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_MEMORY', message: expect.stringContaining(String(8 * 2 ** 20)) },
      result: { stderr: expect.stringContaining('unreachable') },
    })
    // It asks for a mebibyte at once, and so is refused one before the last page.
    const greedy = await run(modules.takesAllAndTraps({}, 16), { resources: { memory: '8100Ki' } })
    expect(greedy.error).toMatchObject({
      code: 'E_MEMORY',
      message: expect.stringContaining('7405568 of its 8294400'),
    })
    expect(await run(modules.says('x', 0, 1), { resources: { memory: '1Ki' } })).toMatchObject({
      error: { code: 'E_MEMORY', message: expect.stringContaining('from its start') },
    })
  })

  it('that loops or sleeps is ended: by TERM at once, by KILL without a grace', async () => {
    const { begin, made } = await executor()
    for (const [module, graceMs, signal] of [
      [modules.loops(), 60_000, 'SIGTERM'],
      [modules.loops(), 0, 'SIGKILL'],
      [modules.dozes(), 60_000, 'SIGTERM'],
    ] as const) {
      const call = begin(await put(module))
      await until(() => call.started(), 'the start')
      if (module.equals(modules.dozes())) await until(() => call.printed() === '.', 'it to sleep')
      made.kill(call.attempt, graceMs)
      expect(await call.end()).toMatchObject({ outcome: 'failed', result: { signal } })
    }
  })

  it('that traps is told so, with its stack', async () => {
    const { run } = await executor()
    expect(await run(modules.traps())).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_TRAP', message: 'the module trapped: unreachable' },
      result: { stderr: expect.stringContaining('wasm-function'), limits: { memory: 'wasm' } },
    })
    expect(await run(modules.recurses())).toMatchObject({
      error: { code: 'E_TRAP', message: expect.stringContaining('call stack') },
    })
  })

  it('that writes without end is cut and slowed, and can be ended', async () => {
    const { begin, made } = await executor({ stdoutBytesMax: 1_000, drainBytesPerSecondMax: 2 ** 20 })
    const call = begin(await put(modules.prints()))
    await until(() => call.printed().length > 1_000, 'its output')
    made.kill(call.attempt, 0)
    const { result } = await call.end()
    expect(result).toMatchObject({ signal: 'SIGKILL', truncated: true })
    expect(result?.stdout?.length).toBeLessThanOrEqual(1_000)
  })

  it('whose process is killed, or cannot go on, is told how', async () => {
    const { begin } = await executor()
    const aborts = modules.lingers('FATAL ERROR: JavaScript heap out of memory', 2)
    for (const [module, signal, code] of [
      [modules.loops(), 'SIGKILL', 'E_SIGNAL'],
      [aborts, 'SIGABRT', 'E_MEMORY'],
    ] as const) {
      const call = begin(await put(module))
      const { pid } = await until(() => call.started(), 'the start')
      if (code === 'E_MEMORY') await until(() => call.printed() !== '', 'its last words')
      process.kill(pid, signal)
      expect(await call.end()).toMatchObject({ outcome: 'failed', error: { code } })
    }
  })

  it('that fills its folder is told that there is no room', async () => {
    const NOSPC = 51
    const { run } = await executor({ moduleFilesBytesMax: 100_000 })
    expect(await run(modules.fills('big'))).toMatchObject({
      error: { code: 'E_EXIT' },
      result: { exitCode: NOSPC },
    })
  })

  it.each([
    ['no WebAssembly', Buffer.from('#!/bin/sh\n'), 'E_MODULE', 'no WebAssembly module'],
    ['nothing', Buffer.alloc(0), 'E_MODULE', 'no WebAssembly module'],
    ['a module cut off', modules.echoes().subarray(0, 100), 'E_MODULE', 'cut off'],
    ['a component', Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), 'E_MODULE', 'component'],
    ['imports that nobody has', modules.assemble([], { wants: 'dlopen' }), 'E_MODULE', 'env.dlopen'],
    ['no start', modules.assemble([], { start: 'main' }), 'E_MODULE', '_start'],
    ['two memories', modules.assemble([], { memories: 2 }), 'E_MODULE', '2 memories'],
    ['a giant table', modules.assemble([], { table: [10_000_000] }), 'E_MODULE', '10000000 entries'],
    ['code that is not valid', modules.assemble([0x1a]), 'E_MODULE', 'function'],
  ])('%s is refused', async (_what, module, code, message) => {
    const { run } = await executor()
    expect(await run(module)).toMatchObject({
      outcome: 'failed',
      error: { code, message: expect.stringContaining(message) },
    })
  })

  it('that is larger than a module may be is not even tried', async () => {
    const { run } = await executor({ moduleBytesMax: 100 })
    expect(await run(modules.echoes())).toMatchObject({
      error: { code: 'E_MODULE', message: expect.stringContaining('100') },
    })
  })

  it('that is not there, or is told to end while it is fetched, runs nowhere', async () => {
    const { begin, made } = await executor()
    const absent = begin(artifactNameOf('never put'))
    expect(await absent.end()).toMatchObject({
      error: { code: 'E_ARTIFACT', message: expect.stringContaining('no artifact') },
    })
    const early = begin(await put(modules.loops()))
    made.kill(early.attempt, 60_000)
    expect(await early.end()).toMatchObject({
      error: { code: 'E_SIGNAL', message: expect.stringContaining('before it began') },
    })
    expect(early.started()).toBeUndefined()
  })
})
