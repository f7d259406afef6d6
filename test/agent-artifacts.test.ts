/** Artifacts on a device: fetched from real servers, good ones and bad, kept within bounds, and given to what runs. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { ArtifactCache } from '../agent/shell/artifacts/cache.ts'
import { ArtifactSource } from '../agent/shell/artifacts/source.ts'
import { ExecExecutor } from '../agent/shell/exec.ts'
import type { Executor } from '../agent/shell/executor.ts'
import { FunctionExecutor, loadFunctions } from '../agent/shell/function/function.ts'
import { Guard } from '../agent/shell/guard.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import { startBroker } from '../broker/broker.ts'
import { putArtifact } from '../client/artifacts.ts'
import type { RunEnd } from '../shared/ports.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { InputRecorder, recordLog, startSilentServer, until } from './agent-shell-support.ts'
import { answersWell, startArtifactServer, type TestServer } from './artifact-server.ts'
import { DIST } from './mesh/brokers.ts'
import { artifactNameOf } from './wasm-modules.ts'

const never = new AbortController().signal
/** No test waits long for what will not come. */
const TWICE = { artifactTriesMax: 2 }
const IMPATIENT = { artifactSilenceMs: 150, ...TWICE }

let folder: string
let data: string
let server: TestServer
let executors: Executor[]
let copies = 0
beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-artifacts-')))
  data = join(folder, 'agent')
  server = await startArtifactServer()
  executors = []
})
afterEach(async () => {
  await Promise.all(executors.map((executor) => executor.close()))
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(wished: Partial<ShellLimits> = {}, url = server.url, ca?: string) {
  const limits = { ...DEFAULT_LIMITS, ...wished }
  const log = recordLog()
  const place = { url, ...(ca === undefined ? {} : { ca }) }
  const cache = await ArtifactCache.open(data, new ArtifactSource(place, limits, log), limits, log)
  const copy = async (name: string, signal: AbortSignal = never) => {
    const to = join(folder, `copy-${++copies}`)
    await cache.copy(name, to, signal)
    return readFileSync(to, 'utf8')
  }
  return { cache, copy, log, limits }
}

const kept = () => (existsSync(join(data, 'artifacts')) ? readdirSync(join(data, 'artifacts')) : [])

describe('an artifact', () => {
  it('is fetched once, however many ask for it, and is there after a restart', async () => {
    const name = server.keep('hello')
    const { copy } = await open()
    expect(await Promise.all([copy(name), copy(name), copy(name)])).toEqual(['hello', 'hello', 'hello'])
    expect(await (await open()).copy(name)).toBe('hello')
    expect(server.requests).toEqual([`GET /${name.replace(':', '/')}`])
  })

  it('of no bytes is one too', async () => {
    const { copy } = await open()
    expect(await copy(server.keep(''))).toBe('')
  })

  it('that is damaged on the device is fetched anew, and never used', async () => {
    const name = server.keep('hello')
    const { copy, log } = await open()
    await copy(name)
    appendFileSync(join(data, 'artifacts', name.slice(7)), 'x')
    expect(await copy(name)).toBe('hello')
    expect(server.requests).toHaveLength(2)
    expect(log.lines.map(({ level }) => level)).toEqual(['warn'])
    rmSync(join(data, 'artifacts', name.slice(7)))
    expect(await copy(name)).toBe('hello')
  })

  it('makes the least recently used go, also in the order of an earlier start', async () => {
    const [a = '', b = '', c = '', d = ''] = ['a', 'b', 'c', 'd'].map((letter) =>
      server.keep(letter.repeat(40)),
    )
    const first = await open({ artifactCacheBytesMax: 100 })
    await first.copy(a)
    await first.copy(b)
    await first.copy(a)
    await first.copy(c)
    expect(first.cache.names).toEqual([a, c])
    expect(first.cache.bytes).toBe(80)
    const again = await open({ artifactCacheBytesMax: 100 })
    expect(new Set(again.cache.names)).toEqual(new Set([a, c]))
    await again.copy(a)
    await again.copy(d)
    expect(again.cache.names).toEqual([a, d])
    expect(kept()).toHaveLength(2)
    expect((await open({ artifactCacheBytesMax: 50 })).cache.names).toHaveLength(1)
  })

  it('that is too large for the device, or for what it keeps, is refused', async () => {
    const name = server.keep('x'.repeat(1_000))
    const refused = { code: 'E_ARTIFACT', message: expect.stringContaining('999') }
    await expect((await open({ artifactBytesMax: 999 })).copy(name)).rejects.toMatchObject(refused)
    server.answer = (response, content) => {
      response.write(content)
      response.end()
    }
    await expect((await open({ artifactBytesMax: 999 })).copy(name)).rejects.toMatchObject(refused)
    expect(server.requests).toHaveLength(2)
    const small = await open({ artifactCacheBytesMax: 999, ...TWICE })
    await expect(small.copy(name)).rejects.toMatchObject(refused)
    expect(kept()).toEqual([])
  })

  it('that nobody waits for any more is not fetched on; for who still waits it is', async () => {
    const name = server.keep('hello')
    server.answer = (response) => {
      response.writeHead(200)
      response.write('hel')
    }
    const { cache, copy } = await open()
    const [one, two] = [new AbortController(), new AbortController()]
    const gone = copy(name, one.signal)
    const stays = copy(name, two.signal)
    gone.catch(() => undefined)
    stays.catch(() => undefined)
    await until(() => server.open === 1, 'the request')
    one.abort(new Error('enough'))
    await expect(gone).rejects.toThrow('enough')
    expect(server.open).toBe(1)
    two.abort(new Error('enough too'))
    await expect(stays).rejects.toThrow('enough too')
    await until(() => server.open === 0, 'the request to end')
    await until(() => kept().length === 0, 'what had come to go')
    server.answer = answersWell
    expect(await copy(name)).toBe('hello')
    expect(cache.bytes).toBe(5)
  })

  it('cannot be kept where the folder is none, and the reason is told', async () => {
    const { copy } = await open({ artifactTriesMax: 1 })
    writeFileSync(join(folder, 'agent'), 'in the way')
    await expect(copy(server.keep('hello'))).rejects.toMatchObject({
      code: 'E_ARTIFACT',
      message: expect.stringContaining('cannot be kept'),
      remedy: expect.stringContaining('data folder'),
    })
    await expect(open()).rejects.toMatchObject({ code: 'E_ARTIFACT' })
  })
})

describe('a server', () => {
  it('that has none of that name is asked once', async () => {
    const { copy } = await open()
    await expect(copy(artifactNameOf('absent'))).rejects.toMatchObject({
      code: 'E_ARTIFACT',
      message: expect.stringContaining('there is no artifact'),
    })
    expect(server.requests).toHaveLength(1)
  })

  it('that sends something else is not believed', async () => {
    const name = server.keep('hello')
    server.answer = (response) => response.end('hellO')
    const { copy } = await open(TWICE)
    await expect(copy(name)).rejects.toMatchObject({
      code: 'E_ARTIFACT_DIGEST',
      message: expect.stringContaining(artifactNameOf('hellO')),
    })
    expect(kept()).toEqual([])
  })

  it('that fails at first is asked again, also when it breaks off', async () => {
    const name = server.keep('hello')
    server.answer = (response, content, request) => {
      if (server.requests.length === 1) response.writeHead(503).end()
      else if (server.requests.length === 2) {
        response.writeHead(200, { 'content-length': 5 })
        response.write('he', () => response.destroy())
      } else answersWell(response, content, request)
    }
    expect(await (await open()).copy(name)).toBe('hello')
    expect(server.requests).toHaveLength(3)
  })

  it('that is silent, before an answer or within it, is given up', async () => {
    const name = server.keep('hello')
    const silent = await startSilentServer()
    const { copy } = await open(IMPATIENT, `http://127.0.0.1:${silent.port}`)
    const given = { code: 'E_ARTIFACT', message: expect.stringContaining('silent for 150 ms') }
    await expect(copy(name)).rejects.toMatchObject(given)
    await silent.close()
    server.answer = (response) => {
      response.writeHead(200)
      response.write('he')
    }
    await expect((await open(IMPATIENT)).copy(name)).rejects.toMatchObject(given)
    expect(server.requests).toHaveLength(2)
  })

  it('that sends too slowly is given up when its time is over', async () => {
    const name = server.keep('hello')
    const timers: NodeJS.Timeout[] = []
    server.answer = (response) => {
      timers.push(setInterval(() => response.write('x'), 20))
    }
    const { copy } = await open({ artifactFetchMs: 300 })
    await expect(copy(name)).rejects.toMatchObject({
      code: 'E_ARTIFACT',
      message: expect.stringContaining('did not come within 300 ms'),
    })
    for (const timer of timers) clearInterval(timer)
  })

  it('says why it does not take a file, however large that is', async () => {
    const limits = { artifactBytesMax: 1_000 }
    const broker = await startBroker({ port: 0, data: join(folder, 'broker'), limits })
    const file = join(folder, 'large')
    writeFileSync(file, Buffer.alloc(20_000_000))
    try {
      const put = () => putArtifact(file, { url: `mqtt://127.0.0.1:${broker.port}` })
      for (let n = 0; n < 10; n++) await expect(put()).rejects.toMatchObject({ code: 'E_BROKER_LIMIT' })
      truncateSync(file, 1_000)
      expect(await put()).toMatchObject({ bytes: 1_000, existed: false })
    } finally {
      await broker.close()
    }
  })

  it('speaks TLS with an authority of its own, and is not believed without it', async () => {
    const tls = fileURLToPath(new URL('./broker-tls/', import.meta.url))
    const broker = await startBroker({
      port: 0,
      data: join(folder, 'broker'),
      tls: { key: join(tls, 'key.pem'), cert: join(tls, 'cert.pem') },
    })
    try {
      const ca = readFileSync(join(tls, 'cert.pem'), 'utf8')
      const file = join(folder, 'secret.txt')
      writeFileSync(file, 'hello')
      const { name } = await putArtifact(file, { url: `mqtts://localhost:${broker.port}`, ca })
      const url = `https://localhost:${broker.port}`
      await expect((await open(TWICE, url)).copy(name)).rejects.toMatchObject({
        code: 'E_ARTIFACT',
        message: expect.stringContaining('certificate'),
      })
      expect(await (await open({}, url, ca)).copy(name)).toBe('hello')
    } finally {
      await broker.close()
    }
  })

  it('that is not there, or wants credentials, is told apart', async () => {
    const name = server.keep('hello')
    server.answer = (response) => response.writeHead(401).end()
    await expect((await open()).copy(name)).rejects.toMatchObject({ code: 'E_BROKER_REFUSED' })
    const nobody = await open(TWICE, 'http://127.0.0.1:1')
    await expect(nobody.copy(name)).rejects.toMatchObject({
      code: 'E_ARTIFACT',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

describe('what runs', () => {
  async function started(
    make: (context: ConstructorParameters<typeof ExecExecutor>[0]) => Executor,
    wished = {},
  ) {
    const recorder = new InputRecorder()
    const { cache, limits, log } = await open(wished)
    const agent = { mesh: 'home', device: 'pi-1', data }
    const executor = make({ agent, emit: recorder.emit, log, limits, artifacts: cache })
    executors.push(executor)
    let n = 0
    const begin = (spec: TaskSpec) => {
      const attempt = { term: 1, agent: 'pi-1', n: ++n }
      executor.run(attempt, 'task', spec)
      const end = async (): Promise<RunEnd> => {
        const ended = () => recorder.of('ended').find((one) => one.attempt.n === attempt.n)
        return (await until(ended, 'the end')).end
      }
      return { attempt, end }
    }
    return { executor, begin, run: (spec: TaskSpec) => begin(spec).end(), recorder }
  }

  it('as a command finds its artifacts in its folder, and where its environment says', async () => {
    const { run } = await started((context) => new ExecExecutor(context))
    const artifacts = { 'a.txt': server.keep('hello'), tool: server.keep('#!/bin/sh\necho "it works: $1"\n') }
    expect(await run({ run: { exec: ['cat', 'artifacts/a.txt'] }, artifacts })).toMatchObject({
      outcome: 'succeeded',
      result: { stdout: 'hello' },
    })
    expect((await run({ run: { exec: ['artifacts/tool', 'well'] }, artifacts })).result?.stdout).toBe(
      'it works: well\n',
    )
    const elsewhere = { exec: ['sh', '-c', 'pwd; cat "$COVEY_ARTIFACTS/a.txt"'], cwd: folder }
    expect((await run({ run: elsewhere, artifacts })).result?.stdout).toBe(`${folder}\nhello`)
    // What a task does to its copy is gone with it.
    await run({
      run: { exec: ['sh', '-c', 'chmod u+w artifacts/a.txt; echo spoilt >artifacts/a.txt'] },
      artifacts,
    })
    expect((await run({ run: { exec: ['cat', 'artifacts/a.txt'] }, artifacts })).result?.stdout).toBe('hello')
    await until(() => readdirSync(join(data, 'work')).length === 0, 'the folders to go')
    expect(server.requests).toHaveLength(2)
  })

  it('as a command does not begin without them, nor when it is told to end before', async () => {
    const { run, begin, executor, recorder } = await started((context) => new ExecExecutor(context))
    const exec = { exec: ['true'] }
    expect(await run({ run: exec, artifacts: { a: artifactNameOf('absent') } })).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_ARTIFACT' },
    })
    const name = server.keep('hello')
    server.answer = () => {}
    const call = begin({ run: exec, artifacts: { a: name } })
    await until(() => server.open === 1, 'the request')
    executor.kill(call.attempt, 60_000)
    expect(await call.end()).toMatchObject({ error: { code: 'E_SIGNAL' } })
    expect(recorder.of('started')).toEqual([])
  })

  it('as an exclusive command does not begin when its lease ends while they are fetched', async () => {
    const program = join(DIST, 'agent/shell/guard-main.js')
    const { executor, recorder } = await started(
      (context) => new ExecExecutor(context, undefined, new Guard(data, context.log, { program })),
    )
    let answer = () => {}
    server.answer = (response, content) => {
      answer = () => response.end(content)
    }
    const artifacts = { a: server.keep('hello') }
    const from = { monoMs: performance.now(), wallMs: Date.now() }
    const leaseMs = 60_000
    const exclusive = { run: { exec: ['touch', join(folder, 'ran')] }, exclusive: true, artifacts }
    executor.run({ term: 1, agent: 'pi-1', n: 1 }, 'task', exclusive, { lease: { from, leaseMs } })
    await until(() => server.requests.length > 0, 'the request')
    // Then only the agent's own look at the clock is left.
    const guard = await until(() => (executor as ExecExecutor).guardPid, 'the guard')
    process.kill(guard, 'SIGSTOP')
    const later = Date.now() + leaseMs
    const clock = vi.spyOn(Date, 'now').mockReturnValue(later)
    onTestFinished(() => clock.mockRestore())
    answer()
    const { end } = await recorder.wait('ended')
    expect(end).toMatchObject({ outcome: 'failed', lapsed: true, error: { code: 'E_LEASE' } })
    expect(recorder.of('started')).toEqual([])
    expect(existsSync(join(folder, 'ran'))).toBe(false)
    process.kill(guard, 'SIGKILL')
  })

  it('as a function gets their paths, and they are gone when it has ended', async () => {
    const file = join(folder, 'handlers.mjs')
    writeFileSync(
      file,
      `import { readFileSync } from 'node:fs'
       export const read = (_, { artifacts }) =>
         Object.entries(artifacts).map(([name, path]) => [name, path, readFileSync(path, 'utf8')])
       export const none = (_, { artifacts }) => artifacts`,
    )
    const module = await loadFunctions(file, DEFAULT_LIMITS)
    const { run } = await started((context) => new FunctionExecutor(context, module))
    const artifacts = { 'a.txt': server.keep('hello') }
    const { result } = await run({ run: { function: 'read' }, artifacts })
    expect(result?.value).toEqual([['a.txt', expect.stringContaining(join(data, 'work')), 'hello']])
    await until(() => readdirSync(join(data, 'work')).length === 0, 'the file to go')
    expect((await run({ run: { function: 'none' } })).result?.value).toEqual({})
    expect(
      await run({ run: { function: 'read' }, artifacts: { a: artifactNameOf('absent') } }),
    ).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_ARTIFACT' },
    })
  })

  it('on a device that takes no artifacts is refused them', async () => {
    const { run } = await started((context) => new ExecExecutor({ ...context, artifacts: undefined }))
    const artifacts = { a: server.keep('hello') }
    expect(await run({ run: { exec: ['true'] }, artifacts })).toMatchObject({ error: { code: 'E_ARTIFACT' } })
  })
})
