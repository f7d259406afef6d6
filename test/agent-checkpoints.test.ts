/** Checkpoints of every kind that has them: real processes and threads publish, and get back what was published. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ArtifactCache } from '../agent/shell/artifacts/cache.ts'
import { ArtifactSource } from '../agent/shell/artifacts/source.ts'
import { ExecExecutor } from '../agent/shell/exec.ts'
import type { Executor } from '../agent/shell/executor.ts'
import { FunctionExecutor, loadFunctions } from '../agent/shell/function/function.ts'
import { Limiter } from '../agent/shell/limiter/limiter.ts'
import { DEFAULT_LIMITS } from '../agent/shell/limits.ts'
import type { Emit } from '../agent/shell/link.ts'
import { WasmExecutor } from '../agent/shell/wasm/wasm.ts'
import { CHECKPOINT_BYTES_MAX, CHECKPOINT_EVERY_MS } from '../shared/model/checkpoint.ts'
import { attemptKey } from '../shared/protocol/attempt.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'
import { startArtifactServer, type TestServer } from './artifact-server.ts'
import * as modules from './wasm-modules.ts'

const attempt = { term: 1, agent: 'pi-1', n: 2 }
const before = { ...attempt, n: 1 }
const log = recordLog()
const limits = DEFAULT_LIMITS
let data: string
let executors: Executor[]
beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'covey-checkpoints-')))
  executors = []
})
afterEach(async () => {
  await Promise.all(executors.map((executor) => executor.close()))
  rmSync(data, { recursive: true, force: true })
})

const contextOf = (emit: Emit) => ({ agent: { mesh: 'home', device: 'pi-1', data }, emit, log, limits })

function begin(executor: Executor, recorder: InputRecorder, spec: TaskSpec, given?: unknown) {
  executors.push(executor)
  const checkpoint = given === undefined ? undefined : { attempt: before, seq: 1, value: given }
  executor.run(attempt, 'task', spec, checkpoint === undefined ? {} : { checkpoint })
  return {
    recorder,
    executor,
    end: async () => {
      const { end } = await until(() => recorder.of('ended')[0], 'the end')
      const work = join(data, 'work')
      await until(
        () => !existsSync(work) || readdirSync(work).length === 0,
        'the folder of the attempt to go',
      )
      return end
    },
    values: () => recorder.of('checkpoint').map(({ value }) => value),
    said: () =>
      recorder
        .of('output')
        .map(({ text }) => text)
        .join(''),
  }
}

describe('a command', () => {
  const command = (script: string, given?: unknown, cwd?: string) => {
    const recorder = new InputRecorder()
    const run = { exec: [process.execPath, '-e', PUBLISH + script], ...(cwd === undefined ? {} : { cwd }) }
    return begin(new ExecExecutor(contextOf(recorder.emit)), recorder, { run }, given)
  }
  /** How a program is to publish: written beside the file, then renamed. */
  const PUBLISH = `
    const { readFileSync, writeFileSync, renameSync, existsSync, symlinkSync, mkdirSync, unlinkSync } = require('node:fs')
    const file = process.env.COVEY_CHECKPOINT
    const publish = (text) => { writeFileSync(file + '.new', text); renameSync(file + '.new', file) }
    process.on('SIGTERM', () => { publish('last words'); process.exit(1) })
  `
  const WAIT = 'setInterval(() => {}, 1000)'

  it('finds what an earlier attempt published, or no file', async () => {
    const show = 'console.log(existsSync(file) ? readFileSync(file, "utf8") : "none")'
    for (const [given, shown] of [
      [undefined, 'none\n'],
      ['42 ä', '42 ä\n'],
    ]) {
      const run = command(show, given)
      expect(await run.end()).toMatchObject({ outcome: 'succeeded', result: { stdout: shown } })
      // What it was given is no news.
      expect(run.values()).toEqual([])
    }
  })

  it('is looked at while it runs and once more when it has ended, also where it works in a folder of its own', async () => {
    const cwd = join(data, 'elsewhere')
    mkdirSync(cwd)
    const run = command(`publish('one'); ${WAIT}`, 'zero', cwd)
    await until(() => run.values().length === 1, 'the first checkpoint')
    expect(readdirSync(cwd)).toEqual([])
    run.executor.kill(attempt, 10_000)
    expect(await run.end()).toMatchObject({ outcome: 'failed', result: { exitCode: 1 } })
    expect(run.values()).toEqual(['one', 'last words'])
    expect(run.recorder.inputs.map((input) => input.in).slice(-2)).toEqual(['checkpoint', 'ended'])
  })

  it.each([
    ['larger than allowed', `publish('x'.repeat(20000))`, 'it has 20000 bytes'],
    ['larger than allowed as JSON', `publish('"'.repeat(${CHECKPOINT_BYTES_MAX / 2}))`, 'as JSON it takes'],
    ['not UTF-8', 'publish(Buffer.from([0xff, 0xfe]))', 'it is not UTF-8'],
    ['a folder', 'unlinkSync(file); mkdirSync(file)', 'it is no file'],
    ['a link', 'unlinkSync(file); symlinkSync("/etc/hostname", file)', 'it is a link'],
  ])('that leaves what is %s keeps what it had, and its log says so', async (_, script, fault) => {
    const run = command(`${script}; ${WAIT}`, 'good')
    await until(() => run.said().includes('[covey: checkpoint not taken'), 'a word in the log')
    run.executor.kill(attempt, 0)
    await run.end()
    expect(run.values()).toEqual([])
    expect(run.said().split('checkpoint not taken: ').slice(1)).toEqual([expect.stringContaining(fault)])
  })

  it('does not hold up its agent with a pipe that nobody writes to', async () => {
    const make = 'require("node:child_process").execFileSync("mkfifo", [file])'
    const run = command(make)
    expect(await run.end()).toMatchObject({ outcome: 'succeeded' })
    expect(run.said()).toContain('it is no file')
  })

  it('may empty the file, and begins anew with what it writes then', async () => {
    const run = command(`writeFileSync(file, ''); ${WAIT}`, 'good')
    const file = join(data, 'work', attemptKey(attempt), '.checkpoint', 'state')
    await until(() => readFileSync(file, 'utf8') === '', 'the file to be empty')
    writeFileSync(file, 'better')
    await until(() => run.values().length === 1, 'a checkpoint')
    expect(run.values()).toEqual(['better'])
  })
})

describe('a function', () => {
  const HANDLERS = `
export const goesOn = (_, { lastCheckpoint, checkpoint }) => {
  const from = lastCheckpoint?.at ?? 0
  for (let at = from + 1; at <= from + 3; at++) checkpoint({ at })
  return { from, had: lastCheckpoint !== undefined }
}
export const busy = (_, { checkpoint }) => {
  const fromMs = performance.now()
  let [lastMs, ownMs] = [fromMs, 0]
  for (let at = 0; ownMs < 5000; at++) {
    checkpoint(at)
    const nowMs = performance.now()
    // Where it stood still, nothing could be heard of it either.
    ownMs += Math.min(nowMs - lastMs, 100)
    lastMs = nowMs
  }
  return lastMs - fromMs
}
export const waits = (_, { checkpoint, signal }) => new Promise((resolve, reject) => {
  checkpoint('first')
  checkpoint('second')
  signal.addEventListener('abort', () => { checkpoint('third'); setInterval(() => {}, 1000) })
})
export const refused = (_, { checkpoint }) => {
  const whys = []
  for (const value of [undefined, () => 1, NaN, 10n, new Map(), 'x'.repeat(16 * 1024)]) {
    try { checkpoint(value) } catch (error) { whys.push(error.name + ': ' + error.message) }
  }
  checkpoint(null)
  return whys
}
export const late = (_, { checkpoint }) => { setTimeout(() => checkpoint('late'), 50) }
export const sleeps = () => new Promise((resolve) => setTimeout(resolve, 200))
`
  const call = async (name: string, given?: unknown) => {
    const recorder = new InputRecorder()
    const file = join(data, 'handlers.mjs')
    writeFileSync(file, HANDLERS)
    const executor = new FunctionExecutor(contextOf(recorder.emit), await loadFunctions(file, limits))
    return begin(executor, recorder, { run: { function: name } }, given)
  }

  it('gets back what it published, as JSON, and the latest counts', async () => {
    const first = await call('goesOn')
    expect(await first.end()).toMatchObject({ result: { value: { from: 0, had: false } } })
    expect(first.values()).toEqual([{ at: 1 }, { at: 3 }])
    const second = await call('goesOn', { at: 3 })
    expect(await second.end()).toMatchObject({ result: { value: { from: 3, had: true } } })
    expect(second.values()).toEqual([{ at: 4 }, { at: 6 }])
    expect(second.recorder.inputs.map((input) => input.in).slice(-2)).toEqual(['checkpoint', 'ended'])
    expect(await (await call('goesOn', null)).end()).toMatchObject({ result: { value: { had: true } } })
  })

  it('that never waits is heard of every other second, and no more often', async () => {
    const run = await call('busy')
    const ranMs = (await run.end()).result?.value as number
    const values = run.values() as number[]
    expect(values.length).toBeGreaterThanOrEqual(3)
    // One at once and one at the end besides.
    expect(values.length).toBeLessThanOrEqual(2 + ranMs / CHECKPOINT_EVERY_MS)
    expect([...values].sort((a, b) => a - b)).toEqual(values)
  })

  it('that is told to end is heard at once', async () => {
    const run = await call('waits')
    await until(() => run.values().length > 0, 'the first checkpoint')
    run.executor.kill(attempt, 500)
    await run.end()
    expect(run.values()).toEqual(['first', 'second', 'third'])
  })

  it('is refused what JSON cannot hold and what is too large', async () => {
    const run = await call('refused')
    expect((await run.end()).result?.value).toEqual([
      'TypeError: checkpoint: it was given nothing',
      'TypeError: checkpoint: it was given a function, which JSON cannot hold',
      'TypeError: checkpoint: it was given NaN, which JSON cannot hold',
      'TypeError: checkpoint: it was given a bigint, which JSON cannot hold',
      'TypeError: checkpoint: it was given a Map, which JSON cannot hold',
      `RangeError: checkpoint: it was given more than ${CHECKPOINT_BYTES_MAX} bytes of JSON, and ${CHECKPOINT_BYTES_MAX} are allowed`,
    ])
    expect(run.values()).toEqual([null])
  })

  it('publishes nothing once it has returned, though its thread serves others', async () => {
    const run = await call('late')
    await run.end()
    const next = { ...attempt, n: 3 }
    run.executor.run(next, 'other', { run: { function: 'sleeps' } })
    await until(() => run.recorder.of('ended').length === 2, 'the end of the next')
    expect(run.values()).toEqual([])
  })
})

describe('a module', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await startArtifactServer()
  })
  afterEach(() => server.close())

  const module = async (content: Buffer, given?: unknown) => {
    const recorder = new InputRecorder()
    const name = server.keep(content)
    const source = new ArtifactSource({ url: server.url }, limits, log)
    const artifacts = await ArtifactCache.open(data, source, limits, log)
    const limiter = new Limiter({ execLimits: 'none', cpuLimit: 'share', data, log })
    const executor = new WasmExecutor({ ...contextOf(recorder.emit), artifacts, limiter })
    return begin(executor, recorder, { run: { wasm: { module: name } } }, given)
  }

  it('finds what an earlier attempt published in its checkpoint, and publishes there', async () => {
    const first = await module(modules.continues('three'))
    expect(await first.end()).toMatchObject({ outcome: 'succeeded', result: { stdout: '' } })
    expect(first.values()).toEqual(['three'])
    const second = await module(modules.continues('three'), 'two')
    expect(await second.end()).toMatchObject({ outcome: 'succeeded', result: { stdout: 'two' } })
    expect(second.values()).toEqual(['three'])
  })

  it('that runs until it is ended is looked at meanwhile', async () => {
    const run = await module(modules.continues('three', true))
    await until(() => run.values().length > 0, 'a checkpoint')
    run.executor.kill(attempt, 0)
    expect((await run.end()).outcome).toBe('failed')
    expect(run.values()).toEqual(['three'])
  })
})
