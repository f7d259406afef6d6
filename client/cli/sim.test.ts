import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dispatch } from './dispatch.ts'
import { SIM_OPTIONS } from './sim-options.ts'
import { testTerminal } from './testing/terminal.ts'

const TEXT = `name: mine
about: Three devices
duration: 20s
fleet: [{ class: pi, count: 3, capacity: { cpu: 2, memory: 1Gi } }]
tasks: [{ class: work, arrive: [{ pattern: steady, rate: 1 }], run: { mean: 1s } }]
faults: [{ kind: crash, at: 10s, duration: 2s, targets: coordinator }]
expect: { lost: 0, ended.succeeded: 20 }
`
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'covey-sim-'))
  writeFileSync(join(folder, 'mine.yaml'), TEXT)
  writeFileSync(join(folder, 'strict.yaml'), TEXT.replace('succeeded: 20', 'succeeded: 21'))
  writeFileSync(join(folder, 'wrong.yaml'), TEXT.replace('count: 3', 'count: many'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function covey(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = testTerminal({ cwd: folder })
  const code = await dispatch(['sim', ...words], terminal.context)
  return { code, out: terminal.out(), err: terminal.err() }
}

describe('covey sim run', () => {
  it('prints the seed first and what repeats the run last, and exits with 0 when all is as expected', async () => {
    const { code, out, err } = await covey('run', './mine.yaml', '--seed', '7', '--variant=nats')
    // A slow machine has time to say how far it is.
    expect([code, err]).toEqual([0, expect.not.stringContaining('E_')])
    expect(out.split('\n')[0]).toBe('seed 7')
    expect(out.trimEnd().split('\n').at(-1)).toBe('covey sim run ./mine.yaml --seed 7 --variant nats')
  })

  it('exits with 1 when an expectation is not met, and says which and what was found', async () => {
    const { code, out } = await covey('run', 'strict.yaml', '--seed', '7')
    expect(code).toBe(1)
    expect(out).toMatch(/NOT MET.*ended.succeeded: 21.*20/)
  })

  it('exits with 2 for a scenario that is wrong, and names the place', async () => {
    const { code, err } = await covey('run', 'wrong.yaml')
    expect(code).toBe(2)
    expect(err).toContain('E_SCENARIO: wrong.yaml:4:29: "many" is not of type integer')
    const missing = await covey('run', 'no-such')
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('factory-line')])
  })

  it('writes JSON alone with --json, and a page with --report', async () => {
    const { code, out, err } = await covey('run', 'mine.yaml', '--seed', '7', '--json', '--report', 'r.html')
    expect([code, err]).toEqual([0, expect.stringContaining(`covey: wrote ${join(folder, 'r.html')}\n`)])
    expect(JSON.parse(out)).toMatchObject({
      scenario: 'mine',
      seed: '7',
      totals: { submitted: 20 },
      partial: false,
    })
    expect(readFileSync(join(folder, 'r.html'), 'utf8')).toContain('<!doctype html>')
  })

  it('that is interrupted reports what has run, and exits as Ctrl-C does', async () => {
    const terminal = testTerminal({ cwd: folder })
    const running = dispatch(['sim', 'run', 'mine.yaml', '--json', '--duration', '10h'], terminal.context)
    setImmediate(() => terminal.interrupt())
    expect(await running).toBe(130)
    expect(JSON.parse(terminal.out())).toMatchObject({ partial: true })
  })
})

describe('covey sim live', () => {
  it('refuses a fault that it cannot carry out, with its line and what it can', async () => {
    const text = `${TEXT.replace('expect:', '  # a comment\nexpect:')}`
      .replace('faults: [', 'faults:\n  - ')
      .replace('targets: coordinator }]', 'targets: coordinator }\n  - { kind: clock-jump, at: 12s }')
    writeFileSync(join(folder, 'jump.yaml'), text)
    const { code, err } = await covey('live', 'jump.yaml')
    expect([code, err]).toEqual([2, expect.stringContaining('jump.yaml:8:13: a live run cannot carry out')])
    expect(err).toContain('"clock-jump"')
    expect(err).toContain('Expected one of: crash')
  })

  it('refuses a broker that cannot be started', async () => {
    const cluster = await covey('live', 'mine.yaml', '--variant', 'nats-cluster')
    expect([cluster.code, cluster.err]).toEqual([2, expect.stringContaining('--variant with one of: covey')])
  })
})

describe('covey sim replay', () => {
  it('runs what was recorded and finds it the same', async () => {
    await covey(
      'run',
      'mine.yaml',
      '--seed',
      '7',
      '--devices',
      '3',
      '--set',
      'intervalMs=500',
      '--trace',
      't',
    )
    const { code, err } = await covey('replay', 't')
    expect([code, err]).toEqual([0, expect.stringContaining('the same run as recorded')])
  })

  it('of another version names both', async () => {
    await covey('run', 'mine.yaml', '--seed', '7', '--trace', 't')
    const text = readFileSync(join(folder, 't'), 'utf8').replace(/"version":"[^"]+"/, '"version":"99.0.0"')
    writeFileSync(join(folder, 'other'), text)
    const { code, err } = await covey('replay', 'other')
    expect([code, err]).toEqual([2, expect.stringMatching(/recorded with Covey 99.0.0, this is \d/)])
  })
})

describe('covey sim', () => {
  it('compares two settings on the same seed', async () => {
    const { code, out } = await covey(
      'compare',
      'mine.yaml',
      'intervalMs=500',
      'intervalMs=4000',
      '--seed',
      '7',
    )
    expect(code).toBe(0)
    expect(out).toMatch(/failoverMs.max +\S+ +\S+ +\S+/)
    expect(out).toMatch(/submitted +20 +20\n/)
  })

  it('lists the library', async () => {
    const { code, out } = await covey('list')
    expect([code, out]).toEqual([0, expect.stringContaining('coordinator-killed-every-5s')])
  })

  it('repeats one case of the fuzzer, with the faults that are named', async () => {
    const size = ['--devices', '3', '--duration', '20s', '--json']
    const whole = await covey('fuzz', '--case', 'x-1', ...size)
    const less = await covey('fuzz', '--case', 'x-1', '--keep', 'none', '--trace', 'x.txt', ...size)
    expect([whole.code, less.code]).toEqual([0, 0])
    expect(JSON.parse(whole.out)).toMatchObject({ seed: 'x-1', faults: 20 })
    expect(JSON.parse(less.out)).toMatchObject({ seed: 'x-1', faults: 0 })
    const [first = ''] = readFileSync(join(folder, 'x.txt'), 'utf8').split('\n')
    expect(JSON.parse(first)).toMatchObject({ what: 'boot' })
    expect(JSON.parse(less.out).hash).not.toBe(JSON.parse(whole.out).hash)
  })

  it.each([
    [['rnu'], 'Did you mean "covey sim run"'],
    [['run'], 'takes 1 words after it, not 0'],
    [['list', 'x'], 'takes 0 words'],
    [['list', '--seed', '1'], 'has no option --seed'],
    [['replay', 't', '--devices', '3'], 'has no option --devices'],
    [['fuzz', '--keep', '1'], '--keep goes with --case'],
    [['fuzz', '--trace', 'f'], '--trace goes with --case'],
    [['fuzz', '--case', 'x-1', '--cases', '3'], '--cases does not go with --case'],
    [['fuzz', '--case', 'x-1', '--keep', 'a'], '"a" is no number'],
    [['fuzz', '--case', 'x-1', '--seed', '1'], '--seed does not go with --case'],
    [['run', 'mine.yaml', '--calibrate', 'c'], 'has no option --calibrate'],
    [['live', 'mine.yaml', '--calibration', 'c'], 'has no option --calibration'],
    [['run', 'mine.yaml', '--calibration', 'c'], 'cannot read c: ENOENT'],
    [['run', 'mine.yaml', '--calibration', 'mine.yaml'], 'mine.yaml is no calibration'],
    [['run', 'mine.yaml', '--set', 'x=1'], '"x=1" is no setting'],
    [['run', 'mine.yaml', '--data', 'f.csv'], 'replays no outages'],
  ])('refuses %j', async (words, message) => {
    const { code, err } = await covey(...words)
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })

  it('offers the brokers that are simulated', async () => {
    const { VARIANTS } = await import('../../simulations/broker/variants.ts')
    expect([...SIM_OPTIONS.variant.choices].sort()).toEqual(Object.keys(VARIANTS).sort())
  })
})
