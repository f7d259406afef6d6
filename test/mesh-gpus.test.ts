/** Shares of GPUs on a real agent: what runs there is told which it has, and what finds no one with enough waits. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

describe('a device with two GPUs', () => {
  let stage: Stage
  let mesh: Mesh

  beforeAll(async () => {
    stage = new Stage()
    mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'gpus')
    const functions = mesh.file('handlers.mjs')
    writeFileSync(functions, 'export const which = (input, { gpus }) => gpus\n')
    await mesh.start(['pi'], {
      capacity: { cpu: '4', memory: '1Gi', gpu: '2' },
      executors: ['exec', 'function'],
      argv: ['--functions', functions],
    })
  })
  afterAll(() => stage.close())

  it('gives two halves the same one, a whole the other, and tells each of them', async () => {
    const { observer } = mesh
    const go = mesh.file('go')
    const script = `echo $CUDA_VISIBLE_DEVICES $COVEY_GPUS; while [ ! -e ${go} ]; do sleep 0.1; done`
    const asking = (gpu: string) => shell(script, { resources: { cpu: '100m', gpu } })
    for (const [id, gpu] of [
      ['half', '500m'],
      ['half-too', '500m'],
      ['whole', '1'],
    ] as const) {
      await mesh.submit(id, asking(gpu))
      await observer.inState(id, 'running')
    }
    await mesh.submit('tenth', asking('100m'))
    const waits = 'waits: 1 of 1 devices have too little left; 100m more gpu on one gpu of pi would do'
    const told = () => observer.statuses('tenth').at(-1)?.explanation === waits
    await observer.until(told, 'an explanation of what is missing')
    writeFileSync(go, '')
    for (const [id, gpu] of [
      ['half', '0'],
      ['half-too', '0'],
      ['whole', '1'],
    ] as const) {
      const ended = await observer.ended(id)
      expect(ended).toMatchObject({ state: 'succeeded', result: { stdout: `${gpu} ${gpu}\n` } })
    }
    expect(await observer.ended('tenth')).toMatchObject({ state: 'succeeded' })
  })

  it('tells a function, and tells nothing to what asks for none', async () => {
    await mesh.submit('which', { run: { function: 'which' }, resources: { gpu: 2 } })
    expect(await mesh.observer.ended('which')).toMatchObject({ result: { value: [0, 1] } })
    expect(await mesh.run('none', 'echo "[$CUDA_VISIBLE_DEVICES$COVEY_GPUS]"')).toMatchObject({
      result: { stdout: '[]\n' },
    })
  })

  it('rejects what asks for parts of several', async () => {
    const ended = await mesh.run('odd', 'true', { resources: { gpu: '1500m' } })
    expect(ended).toMatchObject({
      state: 'rejected',
      error: { code: 'E_SHAPE', path: '/resources/gpu', remedy: expect.stringContaining('whole GPUs') },
    })
  })
})
