/** `covey config` against a real broker. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Peer, startPeer, startTestBroker, type TestBroker } from '../testing/mesh.ts'
import { dispatch } from './dispatch.ts'
import { testTerminal } from './testing/terminal.ts'

const BEACON = { term: 1, agent: 'pi-1', nonce: 'n', intervalMs: 1_000, heartbeatMs: 1_000, candidates: [] }

let broker: TestBroker
let peer: Peer
let retained: unknown[]
let folder: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'covey-config-'))
  broker = await startTestBroker()
  peer = await startPeer(broker.url, 'test')
  retained = []
  peer.mqtt.on('message', (topic, payload) => {
    if (topic.endsWith('/config')) retained.push(payload.length === 0 ? null : JSON.parse(payload.toString()))
  })
  await peer.mqtt.subscribeAsync('covey/v1/test/config', { qos: 1 })
  await peer.say('coordinator', BEACON)
})
afterEach(async () => {
  await peer.close()
  await broker.close()
  rmSync(folder, { recursive: true })
})

async function config(...words: string[]) {
  const terminal = testTerminal({ env: { COVEY_BROKER: broker.url, COVEY_MESH: 'test', NO_COLOR: '1' } })
  const code = await dispatch(['config', ...words], terminal.context)
  return { code, out: terminal.out(), err: terminal.err() }
}

function file(text: string): string {
  const path = join(folder, 'mesh.yaml')
  writeFileSync(path, text)
  return path
}

const lineOf = (out: string, setting: string) =>
  out
    .split('\n')
    .find((line) => line.startsWith(`${setting} `))
    ?.split(/ {2,}/)
    .slice(0, 3)

test('Shown is what was set, and the defaults that go by for the rest', async () => {
  const before = await config()
  expect(before.code).toBe(0)
  expect(lineOf(before.out, 'strategy')).toEqual(['strategy', 'greedy', 'default'])
  expect(lineOf(before.out, 'links')).toEqual(['links', '(none)', 'default'])
  expect(lineOf(before.out, 'improve')).toEqual(['improve', '(off)', 'default'])
  await peer.say('config', { highMark: 0.5, tenants: { lab: { quota: { cpu: '8' }, weight: 2 } } })
  const { out } = await config()
  expect(lineOf(out, 'highMark')).toEqual(['highMark', '0.5', 'set'])
  // It follows the other mark.
  expect(lineOf(out, 'lowMark')).toEqual(['lowMark', '0.5', 'default'])
  expect(lineOf(out, 'tenants.lab.quota.cpu')).toEqual(['tenants.lab.quota.cpu', '8', 'set'])
  expect(lineOf(out, 'tenants.lab.weight')).toEqual(['tenants.lab.weight', '2', 'set'])
  const { set, effective } = JSON.parse((await config('--json')).out)
  expect(set).toEqual({ highMark: 0.5, tenants: { lab: { quota: { cpu: '8' }, weight: 2 } } })
  expect(effective).toMatchObject({ ...set, strategy: 'greedy', lowMark: 0.5, defaultTimeout: '1h' })
})

test('set changes what it names, unset brings back the default, and both leave the rest', async () => {
  expect(await config('set', 'highMark=0.8', 'strategy=best-fit', 'tenants.lab.quota.cpu=500m')).toEqual({
    code: 0,
    out: 'highMark: 0.8 (was 0.9, the default)\nstrategy: best-fit (was greedy, the default)\ntenants.lab.quota.cpu: 500m (was not set)\n',
    err: '',
  })
  await config('set', 'tenants.lab.weight=2', 'tenants.lab.quota.nvidia.com/gpu=1', 'preemption=off')
  expect(retained.at(-1)).toEqual({
    highMark: 0.8,
    strategy: 'best-fit',
    preemption: 'off',
    tenants: { lab: { quota: { cpu: '500m', 'nvidia.com/gpu': 1 }, weight: 2 } },
  })
  expect((await config('unset', 'highMark', 'tenants.lab.quota', 'lostGrace')).out).toBe(
    'highMark: 0.9, the default (was 0.8)\ntenants.lab.quota: not set (was {"cpu":"500m","nvidia.com/gpu":1})\nlostGrace: 1s, the default (as before)\n',
  )
  expect(retained.at(-1)).toEqual({
    strategy: 'best-fit',
    preemption: 'off',
    tenants: { lab: { weight: 2 } },
  })
  await config('unset', 'tenants.lab.weight', 'strategy', 'preemption')
  expect(retained.at(-1)).toBeNull()
})

test('A part of what is not set is changed in its default', async () => {
  expect((await config('set', 'defaultLink.bandwidth=1G')).out).toBe(
    'defaultLink.bandwidth: 1G (was 100M, the default)\n',
  )
  expect(retained.at(-1)).toEqual({ defaultLink: { latency: '10ms', bandwidth: '1G' } })
})

test('A file takes the place of everything, lists and mappings included', async () => {
  await config('set', 'highMark=0.8')
  const links = 'links:\n  - { between: [cellar, roof], latency: 20ms, bandwidth: 100M }\ndefaultLink: none\n'
  expect(await config('-f', file(links))).toMatchObject({
    code: 0,
    out: '2 settings are set, all others have their default\n',
  })
  const link = { between: ['cellar', 'roof'], latency: '20ms', bandwidth: '100M' }
  expect(retained.at(-1)).toEqual({ links: [link], defaultLink: 'none' })
  await config('set', 'links=[{between: [a, b], bandwidth: 1G}]')
  expect(retained.at(-1)).toEqual({ links: [{ between: ['a', 'b'], bandwidth: '1G' }], defaultLink: 'none' })
  const { set } = JSON.parse((await config('-f', file('{}'), '--json')).out)
  expect(set).toEqual({})
  expect(retained.at(-1)).toBeNull()
})

test.each([
  [['set', 'stratgy=dp'], 2, 'Did you mean "strategy"? Settings are: strategy, objective, siteLabel'],
  [['set', 'strategy=fastest'], 1, '/strategy: "fastest" must be one of "greedy", "best-fit"'],
  [['set', 'objective=fast'], 1, '/objective: "fast" must be one of "peak"'],
  [['set', 'tenants.lab.weight=-1'], 1, '/tenants/lab/weight: -1 must be > 0'],
  [['set', 'tenants.lab.quota.cpu=lots'], 1, '/tenants/lab/quota/cpu: "lots" is not a quantity'],
  [['set', 'tenants.lab.wieght=2'], 1, 'unknown field "wieght"'],
  [['set', 'highMark=high'], 1, '/highMark: "high" must be "never" or a number'],
  [['set', 'lowMark=0.95'], 1, 'lowMark 0.95 is above highMark 0.9'],
  [
    ['set', 'links=[{between: [a, a], bandwidth: 1G}]'],
    1,
    'a link is between two sites, and both ends are "a"',
  ],
  [['set', 'links.0.bandwidth=1G'], 2, 'links are a list, which is set as a whole'],
  [['set', 'strategy=[oops'], 2, 'strategy: it is neither YAML nor JSON'],
  [['set', 'links=&all [*all]'], 2, 'links: something in it contains itself'],
  [['set', 'highMark=!share 0.8'], 2, 'highMark: it is neither YAML nor JSON: Unresolved tag: !share'],
  [['set', 'strategy='], 2, 'For the default: covey config unset strategy'],
  [['set', 'strategy'], 2, '"strategy" has no KEY='],
  [['set', 'tenants.__proto__.weight=2'], 1, '"__proto__" cannot be a name here'],
  [['set'], 2, 'covey config set wants a setting'],
  [['set', 'highMark=0.8', 'highMark=0.7'], 2, 'a setting is named twice'],
  [['unset', 'higMark'], 2, 'Did you mean "highMark"?'],
  [['unset', 'highMark=1'], 2, 'Write the KEY alone'],
  [['highMark=0.8'], 2, 'Did you mean "covey config set …"?'],
  [['-f', '/nonexistent/mesh.yaml'], 2, '--file: the file cannot be read'],
  [['-f', '/dev/zero'], 2, '/dev/zero: it exceeds 262144 characters'],
])('config %j is refused with exit code %i, and nothing is published', async (words, code, message) => {
  const refused = await config(...words)
  expect(refused.err).toContain(message)
  expect(refused).toMatchObject({ code, out: '' })
  await config('set', 'lostGrace=2s')
  expect(retained).toEqual([{ lostGrace: '2s' }])
})

test('What is wrong already is told with its code, and how to correct it with a change of something else', async () => {
  await peer.say('config', { highMrak: 0.5, lowMark: 0.6 })
  expect(await config()).toMatchObject({
    code: 1,
    err: expect.stringContaining('E_UNKNOWN_FIELD: what is set is refused at /highMrak: unknown field'),
  })
  const set = await config('set', 'moveAfter=20s')
  expect(set.code).toBe(1)
  expect(set.err).toContain('E_UNKNOWN_FIELD: /highMrak: unknown field')
  expect(set.err).toContain('It was set before: correct it in the same command, or see covey config')
  expect(JSON.parse((await config('set', 'moveAfter=20s', '--json')).err)).toMatchObject({
    error: { code: 'E_UNKNOWN_FIELD', path: '/highMrak' },
  })
  expect((await config('unset', 'highMrak')).code).toBe(0)
  const marks = await config('set', 'highMark=0.5')
  expect(marks.err).toContain('lowMark 0.6 is above highMark 0.5')
  expect(marks.err).toContain('It was set before')
})

test('What is nested too deep to be walked is told, and can be taken away', async () => {
  const deep = `{"lostGrace":"3s","input":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
  await peer.mqtt.publishAsync('covey/v1/test/config', deep, { qos: 1, retain: true })
  expect((await config()).err).toContain('what is set is refused at /input: it is nested deeper than')
  expect(await config('set', 'moveAfter=20s')).toMatchObject({
    code: 1,
    err: expect.stringContaining('E_UNKNOWN_FIELD: /input: unknown field "input"'),
  })
  expect(await config('unset', 'input')).toMatchObject({ code: 0 })
  expect(retained.at(-1)).toEqual({ lostGrace: '3s' })
})

test('A wrong file is refused with its place, and a quota of what no device has is remarked', async () => {
  expect(await config('-f', file('moveAfter: soon'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('E_UNIT: /moveAfter: "soon" is not a duration'),
  })
  expect(await config('-f', file('- a'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('no settings'),
  })
  expect(await config('-f', file('links: &all [*all]'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('mesh.yaml: something in it contains itself'),
  })
  expect(await config('set', '-f', file('{}'))).toMatchObject({ code: 2 })
  expect(retained).toEqual([])
  await peer.say('devices/pi-1/state', {
    incarnation: 1,
    nonce: 'n',
    online: true,
    labels: {},
    capacity: { cpu: '4', memory: '1Gi' },
    executors: ['exec'],
    candidate: 'auto',
    version: '0.1.0',
  })
  const { code, err } = await config('set', 'tenants.lab.quota.memoy=1Gi', 'tenants.lab.quota.cpu=1')
  expect(code).toBe(0)
  expect(err).toBe('covey: tenant lab has a quota of memoy, which no device has. Did you mean "memory"?\n')
})

test('A mesh that nobody knows may be a mistyped one', async () => {
  const { code, err } = await config('set', 'highMark=0.8', '--mesh', 'tset')
  expect(code).toBe(0)
  expect(err).toBe('covey: mesh tset never had a coordinator; its settings are kept for the first\n')
})

test('What others have set wrong is told with the way out', async () => {
  await peer.say('config', { strategy: 'fastest', speed: 9, lostGrace: '3s' })
  expect(await config()).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(
      /^E_UNKNOWN_FIELD: what is set is refused at \/speed: .*\n.*covey config set or unset/,
    ),
  })
  const error = { code: 'E_SHAPE', message: 'no' }
  await peer.say('coordinator', { ...BEACON, configRefused: { error, goesBy: 'earlier' } })
  expect((await config()).err).toContain('; the mesh goes by those before\n')
  expect(await config('set', 'lostGrace=4s')).toMatchObject({ code: 1 })
  expect(await config('unset', 'strategy', 'speed')).toMatchObject({ code: 0 })
  expect(retained.at(-1)).toEqual({ lostGrace: '3s' })
  // As a coordinator of another version would say of what this one takes.
  expect(await config()).toMatchObject({ code: 0, err: expect.stringContaining('refuses these settings') })
})
