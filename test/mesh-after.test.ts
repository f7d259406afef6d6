/** Tasks after others, by real agents on a real broker: their order, what is handed on, and what a failure does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

describe('tasks after others', () => {
  const stage = new Stage()
  let mesh: Mesh
  beforeAll(async () => {
    mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'after')
    // They are submitted one by one, and none is to be given up before the last has come.
    await mesh.observer.publish('config', { predecessorWait: '5m' })
    await Promise.all([mesh.agent('pi-1', { coordinator: 'prefer' }), mesh.agent('pi-2')])
    await mesh.serving(2)
  })
  afterAll(() => stage.close())

  it('run as a diamond, and each reads what those before it put out', async () => {
    // The last comes first: names may be submitted in any order.
    await mesh.submit('bottom', shell('cat', { after: ['left', 'right'], input: [1, 2] }))
    for (const side of ['left', 'right']) {
      await mesh.submit(side, shell(`printf '%s of ' ${side}; cat`, { after: ['top'] }))
    }
    await mesh.submit('top', shell('echo the top; echo loud >&2'))
    const bottom = await mesh.observer.ended('bottom')
    expect(bottom).toMatchObject({ state: 'succeeded' })
    const top = JSON.stringify({ after: { top: { exitCode: 0, stdout: 'the top\n' } } })
    expect(JSON.parse(bottom.result?.stdout ?? '')).toEqual({
      input: [1, 2],
      after: {
        left: { exitCode: 0, stdout: `left of ${top}\n` },
        right: { exitCode: 0, stdout: `right of ${top}\n` },
      },
    })
    for (const task of ['top', 'left', 'right', 'bottom']) expect(mesh.observer.ends(task)).toHaveLength(1)
  })

  it('never start when one before them fails, and say which and why', async () => {
    await mesh.submit('broken', shell('exit 4'))
    await mesh.submit('next', shell('echo never', { after: ['broken'] }))
    await mesh.submit('last', shell('echo never', { after: ['next'] }))
    const last = await mesh.observer.ended('last')
    expect(last).toMatchObject({ state: 'rejected', attempts: 0, error: { code: 'E_PREDECESSOR_FAILED' } })
    expect(last.error?.message).toMatch(/^broken ended failed: .*4/)
    expect(last.explanation).toBe(`next, which it is after, ended rejected: ${last.error?.message}`)
  })
})
