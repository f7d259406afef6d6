/** Commands as a user gives them, against a real broker and a coordinator played with raw MQTT. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from '../testing/mesh.ts'
import { dispatch } from './dispatch.ts'
import { type TerminalOptions, type TestTerminal, testTerminal } from './testing/terminal.ts'

const ATTEMPT = { term: 1, agent: 'pi-1', n: 1 }

let broker: TestBroker
let peer: Peer | undefined

beforeEach(async () => {
  broker = await startTestBroker()
})
afterEach(async () => {
  await peer?.close()
  peer = undefined
  await broker.close()
})

function start(
  words: string[],
  options: TerminalOptions = {},
): { terminal: TestTerminal; exit: Promise<number> } {
  const terminal = testTerminal({
    ...options,
    env: { COVEY_BROKER: broker.url, COVEY_MESH: 'test', ...options.env },
  })
  return { terminal, exit: dispatch(words, terminal.context) }
}

async function covey(words: string[], options: TerminalOptions = {}) {
  const { terminal, exit } = start(words, options)
  return { code: await exit, out: terminal.out(), err: terminal.err() }
}

/** A coordinator that answers every spec with a first status and then ends it as told. */
async function coordinator(end?: (id: string) => Record<string, unknown> | undefined): Promise<Peer> {
  const { contentDigest } = await import('../../shared/protocol/digest.ts')
  peer = await startPeer(broker.url, 'test', async (id, spec, say) => {
    if (spec['withdraw'] === true) return say(`tasks/${id}/status`, statusOf(id, 'cancelled'))
    const digest = contentDigest(spec)
    await say(`tasks/${id}/status`, statusOf(id, 'pending', { digest, explanation: 'no device is online' }))
    const last = end?.(id)
    if (last !== undefined) await say(`tasks/${id}/status`, { ...last, digest })
  })
  return peer
}

test('What no device could take is told at once and once, while it goes on waiting', async () => {
  const why = 'waits: no device of this mesh can take it even when empty: 2 of 2 lack arch=riscv'
  const waits = (id: string) => statusOf(id, 'pending', { explanation: why, impossible: true })
  let err = () => ''
  peer = await startPeer(broker.url, 'test', async (id, spec, say) => {
    const { contentDigest } = await import('../../shared/protocol/digest.ts')
    const digest = contentDigest(spec)
    for (const times of [{}, { seen: '2030-01-31T12:00:00.000Z' }])
      await say(`tasks/${id}/status`, { ...waits(id), digest, times })
    await vi.waitFor(() => expect(err()).toContain(why))
    await say(`tasks/${id}/status`, statusOf(id, 'succeeded', { digest, result: { exitCode: 0 } }))
  })
  const { terminal, exit } = start(['run', '--id', 't', '--', 'true'])
  err = () => terminal.err()
  expect(await exit).toBe(0)
  expect(terminal.err()).toBe(`covey: task t is pending: ${why}\n`)
})

test.each([
  ['succeeded', { result: { exitCode: 0 } }, 0],
  ['failed', { result: { exitCode: 7 }, error: { code: 'E_EXIT', message: 'exit code 7' } }, 7],
  ['failed', { result: { signal: 'SIGKILL' }, error: { code: 'E_SIGNAL', message: 'killed' } }, 137],
  ['failed', { error: { code: 'E_NOT_FOUND', message: 'nosuch: not found' } }, 127],
  ['failed', { error: { code: 'E_LOST', message: 'lost 11 times' } }, 125],
  ['timed_out', { error: { code: 'E_TIMEOUT', message: 'ran longer than 1s' } }, 124],
  ['rejected', { error: { code: 'E_SHAPE', message: 'no', path: '/where' } }, 125],
  ['cancelled', {}, 130],
])('A task that ends as %s with %j makes run exit with %i', async (state, more, code) => {
  await coordinator((id) => statusOf(id, state, more))
  const result = await covey(['run', '--', 'sh', '-c', 'whatever'])
  expect(result.code).toBe(code)
  const quiet = state === 'succeeded' || state === 'cancelled' || code === 7
  if (!quiet) expect(result.err).toContain((more as { error: { message: string } }).error.message)
})

test('In a pipe run prints exactly the result, on both streams', async () => {
  await coordinator((id) =>
    statusOf(id, 'succeeded', { result: { exitCode: 0, stdout: 'Linux pi\n', stderr: 'beware\n' } }),
  )
  expect(await covey(['run', 'uname', '-a'])).toEqual({ code: 0, out: 'Linux pi\n', err: 'beware\n' })
  expect(peer?.specs[0]).toMatchObject({
    id: expect.stringMatching(/^uname-[a-z0-9]{12}$/),
    spec: { run: { exec: ['uname', '-a'] } },
  })
})

test('--after names what must have succeeded before, and is held against the protocol', async () => {
  await coordinator((id) => statusOf(id, 'succeeded'))
  expect((await covey(['run', '--after', 'a,b', '--after', 'c', '--', 'x'])).code).toBe(0)
  expect(peer?.specs[0]?.spec).toMatchObject({ after: ['a', 'b', 'c'] })
  const wrong = await covey(['run', '--after', 'a/b', '--', 'x'])
  expect(wrong.code).not.toBe(0)
  expect(wrong.err).toContain('/after/0')
})

test('--exclusive stands in the spec, and nothing does without it', async () => {
  await coordinator((id) => statusOf(id, 'succeeded'))
  expect((await covey(['run', '--exclusive', '--', 'x'])).code).toBe(0)
  expect((await covey(['run', '--', 'x'])).code).toBe(0)
  expect(peer?.specs.map(({ spec }) => spec)).toMatchObject([{ exclusive: true }, { run: { exec: ['x'] } }])
  expect(peer?.specs[1]?.spec).not.toHaveProperty('exclusive')
})

test('On a terminal run prints output as it comes, and nothing twice', async () => {
  await coordinator()
  const { terminal, exit } = start(['run', '--id', 'live', '--', 'count'], { columns: 80 })
  await vi.waitFor(() => expect(peer?.specs).toHaveLength(1))
  await peer?.say('tasks/live/log', { attempt: ATTEMPT, stream: 'stdout', seq: 0, text: '1\n' }, false)
  await vi.waitFor(() => expect(terminal.out()).toBe('1\n'))
  const digest = (await import('../../shared/protocol/digest.ts')).contentDigest({ run: { exec: ['count'] } })
  await peer?.say(
    'tasks/live/status',
    statusOf('live', 'succeeded', { digest, attempt: ATTEMPT, result: { exitCode: 0, stdout: '1\n2\n' } }),
  )
  expect(await exit).toBe(0)
  expect(terminal.out()).toBe('1\n2\n')
})

test('Options of run become the spec, and input may come from standard input', async () => {
  await coordinator((id) => statusOf(id, 'succeeded'))
  const words =
    'run --where arch=arm64 --prefer disk=ssd:80 --group web --spread zone --near db:zone --apart web,batch --resources cpu=1,memory=64Mi --timeout 90s --retries 2 --priority 9 --tenant lab -e A=b --input - -- x'
  expect((await covey(words.split(' '), { stdin: '{"n":3}' })).code).toBe(0)
  expect(peer?.specs[0]?.spec).toEqual({
    run: { exec: ['x'], env: { A: 'b' } },
    input: { n: 3 },
    where: { arch: 'arm64' },
    prefer: [{ where: { disk: 'ssd' }, weight: 80 }],
    group: 'web',
    spread: 'zone',
    near: [{ group: 'db', by: 'zone' }],
    apart: [{ group: 'web' }, { group: 'batch' }],
    resources: { cpu: '1', memory: '64Mi' },
    priority: 9,
    tenant: 'lab',
    timeout: '90s',
    retries: { failed: 2 },
  })
})

test('While nothing places the task, run says why', async () => {
  await coordinator()
  const { terminal, exit } = start(['run', '--id', 'stuck', '--', 'x'])
  await vi.waitFor(() => expect(terminal.err()).toContain('task stuck is pending: no device is online'))
  terminal.interrupt()
  expect(await exit).toBe(130)
})

test('Ctrl-C withdraws the task and exits with 130, SIGTERM with 143', async () => {
  await coordinator()
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const before = peer?.specs.length ?? 0
    const { terminal, exit } = start(['run', '--', 'sleep', '1000'])
    await vi.waitFor(() => expect(peer?.specs.length).toBeGreaterThan(before))
    const id = peer?.specs.at(-1)?.id
    terminal.interrupt(signal)
    expect(await exit).toBe(code)
    await vi.waitFor(() => expect(peer?.specs.at(-1)).toEqual({ id, spec: { withdraw: true } }))
  }
})

test('--detach prints the id, --json the receipt', async () => {
  await coordinator()
  expect(await covey(['run', '--detach', '--id', 'later', '--', 'x'])).toEqual({
    code: 0,
    out: 'later\n',
    err: '',
  })
  const { out } = await covey(['run', '-d', '--json', '--id', 'later2', '--', 'x'])
  expect(JSON.parse(out)).toMatchObject({ id: 'later2', status: { state: 'pending' } })
})

test('A wrong spec is told with code, path and remedy before a broker is asked for', async () => {
  const result = await covey(['run', '--where', 'room=x', '--', 'x', 'y'.repeat(140_000)], {
    env: { COVEY_BROKER: 'mqtt://127.0.0.1:1' },
  })
  expect(result.code).toBe(125)
  expect(result.err).toMatch(/^E_SHAPE: \/run\/exec\/1: /)
})

test('An unreachable broker is told with the way to start one', async () => {
  const env = { COVEY_BROKER: 'mqtt://127.0.0.1:1' }
  for (const [words, code] of [
    [['run', '--', 'x'], 125],
    [['get', 'tasks'], 1],
    [['events'], 1],
  ] as const) {
    const result = await covey([...words], { env })
    expect(result.code).toBe(code)
    expect(result.err).toContain('E_BROKER_UNREACHABLE: no broker at mqtt://127.0.0.1:1')
    expect(result.err).toContain('covey broker')
  }
  const { err } = await covey(['get', 'tasks', '--json'], { env })
  expect(JSON.parse(err)).toMatchObject({
    error: { code: 'E_BROKER_UNREACHABLE', remedy: expect.any(String) },
  })
})

test('get lists what is retained, as a table or as JSON', async () => {
  await coordinator()
  await peer?.say('tasks/a/status', statusOf('a', 'running', { device: 'pi-1', attempts: 1 }))
  await peer?.say('tasks/b/status', statusOf('b', 'pending', { explanation: 'no device is online' }))
  const table = await covey(['get', 'tasks'])
  expect(table.out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['TASK', 'STATE', 'DEVICE', 'TRIES', 'AGE', 'WHY'],
    ['a', 'running', 'pi-1', '1'],
    ['b', 'pending', '0', 'no device is online'],
    [''],
  ])
  expect(JSON.parse((await covey(['get', 'tasks', '--json'])).out)).toHaveLength(2)
  expect(JSON.parse((await covey(['get', 'task', 'a', '--json'])).out)).toMatchObject({
    task: 'a',
    state: 'running',
  })
  expect(await covey(['get', 'task', 'nosuch'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('E_NO_TASK'),
  })
  expect(await covey(['get', 'device'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('Did you mean "devices"?'),
  })
})

test('--watch prints what changes until Ctrl-C', async () => {
  await coordinator()
  await peer?.say('tasks/a/status', statusOf('a', 'running'))
  const { terminal, exit } = start(['get', 'tasks', '--watch', '--json'])
  await vi.waitFor(() => expect(terminal.out()).toContain('running'))
  await peer?.say('tasks/a/status', statusOf('a', 'succeeded'))
  await vi.waitFor(() => expect(terminal.out()).toContain('succeeded'))
  terminal.interrupt()
  expect(await exit).toBe(130)
  expect(
    terminal
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).state),
  ).toEqual(['running', 'succeeded'])
})

test('explain gives state, reason, counted reasons, attempts and command', async () => {
  peer = await startPeer(broker.url, 'test')
  const reasons = { 'label arch': 12, memory: 28 }
  await peer.say('tasks/a/spec', { run: { exec: ['sh', '-c', 'echo hi'] } })
  await peer.say(
    'tasks/a/status',
    statusOf('a', 'pending', { explanation: 'nothing fits', reasons, attempts: 2, lost: 1 }),
  )
  const { out } = await covey(['explain', 'a'])
  expect(out).toMatch(/State +pending\n/)
  expect(out).toMatch(/Why +nothing fits\nReasons +28 × memory\n +12 × label arch\n/)
  expect(out).toMatch(/Attempts +2 \(0 failed, 1 lost\)/)
  expect(out).toMatch(/Command +sh -c "echo hi"/)
})

test('explain tells of moves and preemptions: how often, when last, and why', async () => {
  peer = await startPeer(broker.url, 'test')
  const at = new Date(Date.now() - 40_000).toISOString()
  const preemptions = { count: 2, by: 'b', from: 'd3', why: 'preempted on d3 by b', at }
  const moves = { count: 1, from: 'd1', why: 'moved off d1', at }
  await peer.say('tasks/a/spec', { run: { exec: ['x'] } })
  await peer.say('tasks/a/status', statusOf('a', 'running', { preemptions, moves }))
  const { out } = await covey(['explain', 'a'])
  expect(out).toMatch(/Moved +once, \d+s ago: moved off d1\n/)
  expect(out).toMatch(/Preempted +2 times, last \d+s ago: preempted on d3 by b\n/)
})

test('a checkpoint is shown by its size, not by what it holds', async () => {
  peer = await startPeer(broker.url, 'test')
  const checkpoint = { attempt: { term: 3, agent: 'nuc', n: 7 }, seq: 1, value: { secret: 'ä' } }
  await peer.say('tasks/a/spec', { run: { exec: ['x'] } })
  await peer.say('tasks/a/status', statusOf('a', 'running', { checkpoint }))
  const explained = (await covey(['explain', 'a'])).out
  expect(explained).toMatch(/Checkpoint +15 bytes, published by attempt 7 in term 3\n/)
  const listed = (await covey(['get', 'tasks'])).out
  expect(listed).toContain('has a checkpoint of 15 bytes')
  expect(explained + listed).not.toContain('secret')
})

test('A task that no coordinator has seen is explained as such', async () => {
  peer = await startPeer(broker.url, 'test')
  await peer.say('tasks/early/spec', { run: { exec: ['x'] } })
  expect((await covey(['explain', 'early'])).out).toMatch(/submitted\n.*no coordinator is in office/)
  expect(await covey(['get', 'task', 'early'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no coordinator has taken it up'),
  })
})

test('cancel withdraws a task, and only one that exists', async () => {
  await coordinator()
  await peer?.say('tasks/a/status', statusOf('a', 'running'))
  expect(await covey(['cancel', 'a'])).toMatchObject({ code: 0, out: 'task a is cancelled\n' })
  await peer?.say('tasks/b/status', statusOf('b', 'succeeded'))
  expect(await covey(['cancel', 'b'])).toMatchObject({ code: 1, out: 'task b had ended before: succeeded\n' })
  expect(await covey(['cancel', 'c'])).toMatchObject({ code: 1, err: expect.stringContaining('E_NO_TASK') })
  expect(peer?.specs.map(({ id }) => id)).toEqual(['a'])
})

test('events streams decisions until it is asked to end', async () => {
  await coordinator()
  const { terminal, exit } = start(['events'])
  const event = {
    at: '2030-01-31T12:00:00Z',
    term: 1,
    agent: 'pi-1',
    kind: 'placed',
    task: 'a',
    device: 'pi-2',
    message: 'most room',
  }
  await vi.waitFor(async () => {
    await peer?.say('events', event, false)
    expect(terminal.out()).toContain('12:00:00 placed       a pi-2: most room\n')
  })
  terminal.interrupt('SIGTERM')
  expect(await exit).toBe(143)
})

test('Without a command, with a wrong one, or with --help there is help', async () => {
  expect(await covey([])).toMatchObject({ code: 2, err: expect.stringContaining('covey run -- uname -a') })
  expect(await covey(['rnu'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('Did you mean "covey run"?'),
  })
  expect(await covey(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('Commands') })
  expect(await covey(['run', '--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--where') })
  expect(await covey(['help', 'run'])).toMatchObject({ code: 0, out: expect.stringContaining('--where') })
  expect(await covey(['--version'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^covey \d+\.\d+\.\d+ /),
  })
})

test('explain --history tells what was decided, the oldest first; of one decision only that', async () => {
  await coordinator()
  const history = [
    { at: '2030-01-31T12:00:01.000Z', text: 'waits: 1 of 1 devices are cordoned' },
    { at: '2030-01-31T12:00:09.000Z', text: 'placed on pi-1' },
  ]
  await peer?.say(
    'tasks/moved/status',
    statusOf('moved', 'running', { explanation: 'placed on pi-1', history }),
  )
  const once = { explanation: 'placed on pi-1', times: { assigned: '2030-01-31T12:00:09.000Z' } }
  await peer?.say('tasks/once/status', statusOf('once', 'assigned', once))
  const moved = await covey(['explain', 'moved', '--history'])
  expect(moved.out).toMatch(
    /^History +2030-01-31T12:00:01.000Z {2}waits: 1 of 1 devices are cordoned\n +2030-01-31T12:00:09.000Z {2}placed on pi-1$/m,
  )
  expect((await covey(['explain', 'moved'])).out).not.toContain('History')
  expect((await covey(['explain', 'once', '--history'])).out).toMatch(
    /^History +2030-01-31T12:00:09.000Z {2}placed on pi-1$/m,
  )
})
