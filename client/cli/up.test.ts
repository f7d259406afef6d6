/** The whole of it in one process: the real broker, the real agent, real commands. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { dispatch } from './dispatch.ts'
import { type TestTerminal, testTerminal } from './testing/terminal.ts'

let folder: string
let service: { terminal: TestTerminal; exit: Promise<number> }
let ready: { url: string; id: string; port: number; ready: boolean; command: string }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'covey-up-'))
  const terminal = testTerminal({ cwd: folder, home: folder })
  const words = [
    'up',
    '--port',
    '0',
    '--json',
    '--id',
    'solo',
    '--mesh',
    'test',
    '--label',
    'room=attic',
    // Whatever else this machine is busy with must not keep the tasks waiting.
    '--load',
    'own',
    '--log-level',
    'error',
  ]
  service = { terminal, exit: dispatch(words, terminal.context) }
  await vi.waitFor(() => expect(terminal.out(), terminal.err()).toMatch(/\n$/), { timeout: 100_000 })
  ready = JSON.parse(terminal.out())
})

afterAll(async () => {
  service.terminal.interrupt('SIGTERM')
  expect(await service.exit).toBe(0)
  rmSync(folder, { recursive: true })
})

async function covey(...words: string[]) {
  const terminal = testTerminal({
    cwd: folder,
    home: folder,
    env: { COVEY_BROKER: ready.url, COVEY_MESH: 'test' },
  })
  const code = await dispatch(words, terminal.context)
  return { code, out: terminal.out(), err: terminal.err() }
}

test('One line says that the mesh is ready, and where', () => {
  expect(ready).toMatchObject({
    ready: true,
    command: 'up',
    id: 'solo',
    url: `mqtt://127.0.0.1:${ready.port}`,
  })
  expect(service.terminal.out().trimEnd().split('\n')).toHaveLength(1)
})

test('A command runs on the device, with its output and exit code', async () => {
  expect(await covey('run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({
    code: 7,
    out: 'out\n',
    // The coordinator may take office only just now, and then who waits is told so.
    err: expect.stringMatching(/^(covey: task .*\n)*err\n$/),
  })
  expect(await covey('run', '--where', 'room=attic', '--input', '{"n":3}', 'cat')).toMatchObject({
    code: 0,
    out: '{"n":3}\n',
  })
  expect(await covey('run', '--', 'no-such-program')).toMatchObject({
    code: 127,
    err: expect.stringContaining('E_NOT_FOUND'),
  })
  expect(await covey('run', '--timeout', '200ms', '--', 'sleep', '10')).toMatchObject({ code: 124 })
  expect(await covey('run', '--', 'sh', '-c', 'kill -9 $$')).toMatchObject({ code: 137 })
})

test('A detached task is explained and cancelled by its id', async () => {
  const { out } = await covey('run', '--detach', '--', 'sleep', '60')
  const id = out.trim()
  await vi.waitFor(async () => expect((await covey('explain', id)).out).toMatch(/State +running/))
  expect(await covey('cancel', id)).toMatchObject({ code: 0, out: `task ${id} is cancelled\n` })
  expect((await covey('explain', id)).out).toMatch(/State +cancelled/)
})

test('Devices and the coordinator are shown', async () => {
  expect((await covey('get', 'devices')).out).toMatch(/^DEVICE .*\nsolo +online .*room=attic/)
  // A heartbeat that is late is not waited for.
  await vi.waitFor(async () =>
    expect(JSON.parse((await covey('get', 'devices', '--load', '--json')).out)).toMatchObject([
      { id: 'solo', load: { seq: expect.any(Number) } },
    ]),
  )
  expect(await covey('get', 'coordinator')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Coordinator solo\n/),
  })
})

test('Settings that are refused are told, and why, also of a task that waits', async () => {
  const broker = await connectAsync(ready.url)
  const configure = (text: string) =>
    broker.publishAsync('covey/v1/test/config', text, { qos: 1, retain: true })
  const shown = async () => (await covey('get', 'coordinator')).out
  const waiting = (await covey('run', '--detach', '--where', 'room=cellar', '--', 'true')).out.trim()
  await vi.waitFor(async () => expect((await covey('explain', waiting)).out).toMatch(/State +pending/))
  expect((await covey('explain', waiting)).out).not.toContain('Settings')
  try {
    await configure('{"strategy":"magic"}')
    const refused =
      /^Settings +refused, so it goes by the defaults: E_SHAPE: "magic" must be one of .* \(at \/strategy\)$/m
    await vi.waitFor(async () => expect(await shown()).toMatch(refused))
    expect(JSON.parse((await covey('get', 'coordinator', '--json')).out)).toMatchObject({
      beacon: { configRefused: { error: { code: 'E_SHAPE', path: '/strategy' }, goesBy: 'defaults' } },
    })
    expect((await covey('explain', waiting)).out).toMatch(refused)
    await configure('')
    await vi.waitFor(async () => expect(await shown()).not.toContain('Settings'))
  } finally {
    await broker.endAsync()
    await covey('cancel', waiting)
  }
})

test('A second service on the same port or data is refused with the reason', async () => {
  expect(await covey('broker', '--port', String(ready.port), '--data', join(folder, 'other'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('E_PORT'),
  })
  expect(await covey('broker', '--port', '0')).toMatchObject({
    code: 1,
    err: expect.stringContaining('E_STORE_LOCKED'),
  })
})
