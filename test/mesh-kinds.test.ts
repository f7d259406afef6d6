/** Kinds of work other than commands, through the whole mesh: placed where they can run, and seen from outside. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COVEY, startBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

let stage: Stage
let mesh: Mesh

/** Runs `covey` with that mesh in its environment. */
function covey(...words: string[]): string {
  const env = { ...process.env, COVEY_BROKER: mesh.url, COVEY_MESH: mesh.name }
  return execFileSync(process.execPath, [COVEY, ...words], { env, encoding: 'utf8', timeout: 60_000 })
}

beforeAll(async () => {
  stage = new Stage()
  mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'kinds')
  const module = mesh.file('handlers.mjs')
  writeFileSync(
    module,
    `export const add = ({ a, b }, { progress }) => { progress(0.5); return a + b }
     export const loops = () => { for (;;); }`,
  )
  await Promise.all([
    mesh.agent('bare', { coordinator: 'prefer', argv: ['--executors', 'exec'] }),
    mesh.agent('handy', {
      coordinator: 'never',
      argv: ['--executors', 'exec,function', '--functions', module],
    }),
  ])
  await mesh.serving(2)
})
afterAll(() => stage.close())

describe('functions', () => {
  it('are published by the device that has them, and called there', async () => {
    expect(mesh.observer.state('handy')).toMatchObject({
      executors: ['exec', 'function'],
      functions: ['add', 'loops'],
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
      reasons: { 'have no executor function': 1, 'lack function nowhere': 1 },
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

  it('whose module does not load keep the agent from starting, and it says why', () => {
    const broken = mesh.file('broken.mjs')
    writeFileSync(broken, 'export const a = (')
    expect(() =>
      covey('agent', '--id', 'broken', '--data', mesh.data('broken'), '--functions', broken),
    ).toThrow(/E_FUNCTIONS[\s\S]*broken\.mjs: the module of functions does not load: Unexpected/)
  })
})
