/** `covey run --array` against a real broker and a coordinator played with raw MQTT. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentDigest } from '../../shared/protocol/digest.ts'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from '../testing/mesh.ts'
import { dispatch } from './dispatch.ts'
import { type TerminalOptions, testTerminal } from './testing/terminal.ts'

let broker: TestBroker
let peer: Peer
let folder: string
/** Elements that the coordinator lets fail. */
let bad: number[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'covey-array-'))
  broker = await startTestBroker()
  bad = []
  peer = await startPeer(broker.url, 'test', async (id, spec, say) => {
    const digest = contentDigest(spec)
    const inputs = spec['array'] as unknown[]
    const results = inputs.map((input, element) => ({
      element,
      state: bad.includes(element) ? 'failed' : 'succeeded',
      attempts: 1,
      result: { stdout: `${JSON.stringify(input)}\n` },
      ...(bad.includes(element) ? { error: { code: 'E_EXIT', message: 'exit code 1' } } : {}),
    }))
    await say(`tasks/${id}/results/1-pi-1-0`, { task: id, digest, term: 1, agent: 'pi-1', page: 0, results })
    const failed = bad.length
    const states = { succeeded: inputs.length - failed, failed }
    const array = { elements: inputs.length, reported: inputs.length, states, errors: [] }
    const error = { code: 'E_ELEMENTS', message: `${failed} of ${inputs.length} elements did not succeed` }
    const more = failed === 0 ? {} : { error }
    await say(
      `tasks/${id}/status`,
      statusOf(id, failed === 0 ? 'succeeded' : 'failed', { digest, array, ...more }),
    )
  })
})
afterEach(async () => {
  await peer.close()
  await broker.close()
  rmSync(folder, { recursive: true })
})

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function covey(words: string[], options: TerminalOptions = {}) {
  const terminal = testTerminal({ ...options, env: { COVEY_BROKER: broker.url, COVEY_MESH: 'test' } })
  const code = await dispatch(words, terminal.context)
  return { code, out: terminal.out(), err: terminal.err() }
}

test.each([
  ['a JSON array', 'in.json', '[1,"two",{"three":3}]'],
  ['one value a line', 'in.ndjson', '1\n"two"\n\n{"three":3}\n'],
  ['lines in a file of another name', 'in.txt', '1\n"two"\n{"three":3}'],
])('It runs once for each input of %s', async (_, name, text) => {
  const { code, out } = await covey(['run', '--array', file(name, text), '--', 'cat'])
  expect(peer.specs[0]?.spec).toEqual({ run: { exec: ['cat'] }, array: [1, 'two', { three: 3 }] })
  expect(code).toBe(0)
  expect(out).toBe('1\n"two"\n{"three":3}\n')
})

test('Its exit code and standard error tell of elements that did not succeed', async () => {
  bad = [1]
  const { code, out, err } = await covey([
    'run',
    '--id',
    'x',
    '--array',
    file('a.json', '[0,1,2]'),
    '--',
    'cat',
  ])
  expect(code).toBe(125)
  expect(out).toBe('0\n1\n2\n')
  expect(err).toContain('x[1] failed: exit code 1')
  expect(err).toContain('1 of 3 elements did not succeed')
})

test('With --json it prints a result a line, and the status last', async () => {
  bad = [0]
  const { code, out } = await covey(['run', '--json', '--array', file('a.json', '[0,1]'), '--', 'cat'])
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(code).toBe(125)
  expect(lines).toMatchObject([
    { element: 0, state: 'failed' },
    { element: 1 },
    { state: 'failed', array: {} },
  ])
})

test.each([
  ['no file', 'nosuch.json', undefined, 'cannot be read'],
  ['a line that is no JSON', 'in.ndjson', '1\ntwo\n', 'line 2 is not JSON'],
  ['no inputs', 'in.json', '[]', '/array'],
])('It refuses %s before anything is sent', async (_, name, text, says) => {
  const path = text === undefined ? join(folder, name) : file(name, text)
  const { code, err } = await covey(['run', '--array', path, '--', 'cat'])
  expect(code).not.toBe(0)
  expect(err).toContain(says)
  expect(peer.specs).toEqual([])
})

test('A task in "covey get" shows how far it is', async () => {
  await covey(['run', '--id', 'shown', '--array', file('a.json', '[0,1,2,3]'), '--', 'cat'])
  const { out } = await covey(['get', 'task', 'shown'])
  expect(out).toContain('4 of 4 ended (100 %)')
})
