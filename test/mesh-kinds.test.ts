/** Kinds of work other than commands, through the whole mesh: placed where they can run, and seen from outside. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readProcess } from '../agent/shell/process-table.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { COVEY, startBroker } from './mesh/brokers.ts'
import { type AgentOptions, Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import { containers, IMAGE, type Podman, startPodman } from './podman.ts'

let stage: Stage
let mesh: Mesh

/** Runs `covey` with that mesh in its environment. */
function covey(...words: string[]): string {
  const env = { ...process.env, COVEY_BROKER: mesh.url, COVEY_MESH: mesh.name }
  return execFileSync(process.execPath, [COVEY, ...words], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
    stdio: 'pipe',
  })
}

beforeAll(async () => {
  stage = new Stage()
  mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'kinds')
  const module = mesh.file('handlers.mjs')
  writeFileSync(
    module,
    `export const add = ({ a, b }, { progress }) => { progress(0.5); return a + b }
     export const loops = () => { for (;;); }
     export const where = () => process.pid`,
  )
  await Promise.all([
    mesh.agent('bare', { coordinator: 'prefer', executors: ['exec'] }),
    mesh.agent('handy', {
      coordinator: 'never',
      executors: ['exec', 'function'],
      argv: ['--functions', module],
    }),
  ])
  await mesh.serving(2)
})
afterAll(() => stage.close())

describe.skipIf(!containers.available)('containers', () => {
  let podman: Podman
  let agent: AgentOptions
  const boxed = (script: string, spec: Partial<TaskSpec> = {}): TaskSpec => ({
    run: { container: { image: IMAGE, argv: ['sh', '-c', script] } },
    ...spec,
  })
  beforeAll(async () => {
    podman = startPodman()
    agent = {
      coordinator: 'never',
      executors: ['container'],
      argv: [
        `--container-engine=${podman.program}`,
        ...podman.global.map((option) => `--container-global=${option}`),
        ...podman.options.map((option) => `--container-option=${option}`),
      ],
    }
    await mesh.agent('boxer', agent)
    await mesh.serving(3)
  })
  afterAll(async () => {
    await mesh.program('boxer').ended('SIGTERM')
    expect(podman.call('ps', '--all', '--quiet')).toBe('')
    podman.close()
  })

  it('run where there is an engine, with limits, and print what they print', async () => {
    const spec = boxed('echo "$COVEY_DEVICE"', { resources: { cpu: '500m', memory: '32Mi' } })
    await mesh.submit('boxed', spec)
    expect(await mesh.observer.ended('boxed')).toMatchObject({
      state: 'succeeded',
      device: 'boxer',
      result: { stdout: 'boxer\n', limits: { cpu: 'container share', memory: 'container' } },
    })
    expect(covey('run', '--image', IMAGE, '--pull', 'never')).toBe('by default\n')
    expect(covey('run', '--image', IMAGE, '--', 'busybox', 'echo', 'other')).toBe('other\n')
  })

  it('are ended when the task is cancelled', async () => {
    await mesh.submit('long', boxed('trap "exit 0" TERM; while :; do busybox sleep 0.1; done'))
    await mesh.running(['long'])
    await mesh.observer.until(() => podman.call('ps', '--quiet') !== '', 'the container')
    await mesh.withdraw('long')
    expect(await mesh.observer.ended('long')).toMatchObject({ state: 'cancelled' })
    await mesh.observer.until(() => podman.call('ps', '--all', '--quiet') === '', 'the container to go')
  })

  it('that a killed agent left running are gone before its next start takes work', async () => {
    await mesh.submit('orphan', boxed('echo begun; while :; do busybox sleep 0.1; done', { timeout: '10m' }))
    await mesh.running(['orphan'])
    const id = await mesh.observer.until(
      () => podman.call('ps', '--quiet').trim() || undefined,
      'the container',
    )
    await mesh.program('boxer').ended('SIGKILL')
    expect(podman.call('ps', '--quiet').trim()).toBe(id)
    await mesh.agent('boxer', agent)
    expect(podman.call('ps', '--all', '--quiet')).not.toContain(id)
    await mesh.withdraw('orphan')
    expect(await mesh.observer.ended('orphan')).toMatchObject({ state: 'cancelled', lost: 1 })
  })
})

describe('commands', () => {
  it('are told what held them to their limits', async () => {
    await mesh.submit('limited', { run: { exec: ['true'] }, resources: { cpu: '100m', memory: '16Mi' } })
    const status = await mesh.observer.ended('limited')
    expect(status).toMatchObject({ state: 'succeeded' })
    expect(Object.keys(status.result?.limits ?? {})).toEqual(['cpu', 'memory'])
    expect(covey('explain', 'limited')).toContain(`memory held by ${status.result?.limits?.memory}`)
  })
})

describe('functions', () => {
  it('are published by the device that has them, and called there', async () => {
    expect(mesh.observer.state('handy')).toMatchObject({
      executors: ['exec', 'function'],
      functions: ['add', 'loops', 'where'],
    })
    expect(mesh.observer.state('bare')).not.toHaveProperty('functions')
    await mesh.submit('sum', { run: { function: 'add' }, input: { a: 2, b: 3 } })
    expect(await mesh.observer.ended('sum')).toMatchObject({
      state: 'succeeded',
      device: 'handy',
      result: { value: 5, limits: { memory: 'heap' } },
    })
    expect(covey('run', '--function', 'add', '--input', '{"a":1,"b":1}')).toBe('2\n')
  })

  it('that no device has wait, with the reason counted', async () => {
    await mesh.submit('absent', { run: { function: 'nowhere' } })
    const { observer } = mesh
    await observer.until(
      () => observer.statuses('absent').some(({ reasons }) => reasons !== undefined),
      'the reason',
    )
    expect(observer.statuses('absent').at(-1)).toMatchObject({
      state: 'pending',
      // Devices that other tests stopped lack the executor, too, and are counted.
      reasons: { 'lack executor function': expect.any(Number), 'lack function nowhere': 1 },
      impossible: true,
    })
    await mesh.withdraw('absent')
    expect(await observer.ended('absent')).toMatchObject({ state: 'cancelled' })
  })

  it('that loop are ended at their timeout, while the device is heard', async () => {
    await mesh.submit('loop', { run: { function: 'loops' }, timeout: '1s', grace: '100ms' })
    const { observer } = mesh
    expect(await observer.ended('loop')).toMatchObject({
      state: 'timed_out',
      error: { code: 'E_TIMEOUT' },
      lost: 0,
    })
    expect(observer.state('handy')?.online).toBe(true)
    await mesh.submit('after', { run: { function: 'add' }, input: { a: 1, b: 1 } })
    expect(await observer.ended('after')).toMatchObject({ state: 'succeeded', result: { value: 2 } })
  })

  it('end with their agent, however that ends', async () => {
    await mesh.submit('where', { run: { function: 'where' } })
    const pid = (await mesh.observer.ended('where')).result?.value as number
    expect(pid).not.toBe(mesh.program('handy').pid)
    expect(readProcess(pid)?.state).not.toBe('Z')
    await mesh.program('handy').ended('SIGKILL')
    await mesh.observer.until(
      () => (readProcess(pid)?.state ?? 'Z') === 'Z',
      'the process of functions to go',
    )
  })

  it('whose module does not load keep the agent from starting, and it says why', () => {
    const broken = mesh.file('broken.mjs')
    writeFileSync(broken, 'export const a = (')
    expect(() =>
      covey('agent', '--id', 'broken', '--data', mesh.data('broken'), '--functions', broken),
    ).toThrow(/E_FUNCTIONS[\s\S]*broken\.mjs: the module of functions does not load: Unexpected/)
  })
})
