/** `covey plan` against a real broker that retains what a mesh tells. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from '../testing/mesh.ts'
import { dispatch } from './dispatch.ts'
import { testTerminal } from './testing/terminal.ts'

let broker: TestBroker
let peer: Peer
let folder: string

const device = (cpu: string, labels: Record<string, string>) => ({
  incarnation: 1,
  nonce: 'n',
  online: true,
  labels,
  capacity: { cpu, memory: '1Gi' },
  executors: ['exec'],
  candidate: 'auto',
  version: '0.1.0',
})

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'covey-plan-'))
  broker = await startTestBroker()
  peer = await startPeer(broker.url, 'test')
  await peer.say('devices/pi-1/state', device('1', { zone: 'attic' }))
  await peer.say('devices/nuc-1/state', device('4', { zone: 'cellar' }))
  await peer.say('tasks/runs/spec', { run: { exec: ['x'] }, resources: { cpu: '900m' } })
  await peer.say('tasks/runs/status', statusOf('runs', 'running', { device: 'pi-1' }))
})
afterEach(async () => {
  await peer.close()
  await broker.close()
  rmSync(folder, { recursive: true })
})

async function plan(text: string, ...words: string[]) {
  const file = join(folder, 'tasks.yaml')
  writeFileSync(file, text)
  const terminal = testTerminal({
    columns: 80,
    env: { COVEY_BROKER: broker.url, COVEY_MESH: 'test', NO_COLOR: '1' },
  })
  const code = await dispatch(['plan', '-f', file, ...words], terminal.context)
  return { code, out: terminal.out(), err: terminal.err().replaceAll(file, 'tasks.yaml') }
}

const FITS = 'build:\n  run: { exec: [make] }\n  prefer: [{ where: { zone: cellar }, weight: 10 }]\n'
const WAITS = 'tall:\n  run: { exec: [x] }\n  where: { zone: attic }\n  resources: { cpu: 500m }\n'
const NEVER = 'never:\n  run: { exec: [x] }\n  where: { zone: garage }\n'

test('All that would be placed is shown in a table that fits the terminal', async () => {
  const { code, out, err } = await plan(FITS)
  expect(err).toBe('')
  expect(out).toMatch(/^TASK +DEVICE +WHY\nbuild +nuc-1 +placed on nuc-1: best score/)
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  expect(code).toBe(0)
})

test('What would wait is told with the change that would help, and what never can at once', async () => {
  const { code, out } = await plan(FITS + WAITS + NEVER)
  expect(code).toBe(1)
  expect(out).toContain(
    'tall waits: 1 of 2 devices have too little left; 1 lack zone=attic; 400m more cpu on pi-1 would do',
  )
  expect(out).toContain(
    'never waits: no device of this mesh can take it even when empty: 2 of 2 lack zone=garage; zone=garage on nuc-1 would do',
  )
  const rows = out.split('\n').slice(1, 4)
  expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
    ['build', 'nuc-1'],
    ['tall', 'waits'],
    ['never', 'none'],
  ])
})

test('As JSON it says the same to programs; nothing is submitted', async () => {
  const { code, out } = await plan(FITS + WAITS, '--json')
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({
    placed: false,
    unseen: 0,
    outcomes: [
      {
        task: 'build',
        devices: { 'nuc-1': 1 },
        waiting: 0,
        candidates: [{ device: 'nuc-1' }, { device: 'pi-1' }],
      },
      { task: 'tall', devices: {}, waiting: 1, impossible: false },
    ],
  })
  expect(peer.specs.map(({ id }) => id)).toEqual(['runs'])
})

test.each([
  ['', 'it holds no tasks'],
  ['[]', 'there is no task in it'],
  ['{a: [', 'it is neither YAML nor JSON'],
  ['a b: { run: { exec: [x] } }', '"a b" is not an id'],
  [
    'a: { run: { exec: [x] }, prefer: [{ where: { z: a }, weight: -1 }] }',
    'a/prefer/0/weight: -1 must be >= 1',
  ],
  ['- run: { exec: [x] }\n- run: { exec: x }', 'task-2/run/exec'],
])('The file %j is refused', async (text, message) => {
  const { code, err } = await plan(text)
  expect(err).toContain(message)
  expect(code).not.toBe(0)
})

test('Without a file it says what it wants', async () => {
  const terminal = testTerminal({ env: { COVEY_BROKER: broker.url } })
  expect(await dispatch(['plan'], terminal.context)).toBe(2)
  expect(terminal.err()).toContain('covey plan wants the tasks')
})

test('What brings data to the device is told, by the links that the mesh is set to', async () => {
  const links = [{ between: ['attic', 'cellar'], bandwidth: '1G' }]
  await peer.say('config', { siteLabel: 'zone', links })
  const { code, out } = await plan(
    'near:\n  run: { exec: [x] }\n  data: [{ at: attic, size: 1Gi }]\n  resources: { cpu: 200m }\n',
    '--json',
  )
  const { outcomes } = JSON.parse(out)
  expect(outcomes[0].explanation).toContain('near its data 54 % (8.6s to fetch 1Gi from attic over 1G)')
  expect(code).toBe(0)
})
