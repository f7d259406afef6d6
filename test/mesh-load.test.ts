/** A device whose work takes far more than it asked for: what can be moved off it is, and ends elsewhere. */
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

/** What stays where it is until it has waited for its lease, started, and heated its device. */
const HOT_MS_MAX = 100_000
const TRIES_MAX = 20

describe('a device that its work heats', () => {
  let stage: Stage
  let mesh: Mesh

  beforeAll(async () => {
    stage = new Stage()
    mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'load')
    await mesh.observer.publish('config', { moveAfter: '2s' })
    await mesh.start(['calm'])
    // A loop takes several times as much, also where others compete for the machine.
    await mesh.agent('spiky', { capacity: { cpu: '200m', memory: '1Gi' }, coordinator: 'never' })
    await mesh.serving(2)
  })
  afterAll(() => stage.close())

  /** Where the machine stands still, nothing computes, and what comes just then finds the device cool. */
  async function firstThatWaits({ observer }: Mesh): Promise<string> {
    const waits = 'waits: 1 of 2 devices are above the high mark; 1 lack device=spiky'
    for (let n = 0; n < TRIES_MAX; n++) {
      const id = `late-${n}`
      await mesh.submit(id, { run: { exec: ['true'] }, where: { device: 'spiky' } })
      const said = () => observer.statuses(id).at(-1)?.explanation === waits
      const settled = () => said() || observer.ends(id).length > 0
      await observer.until(settled, 'the reason why a task waits for the hot device, or its end')
      if (said()) return id
    }
    throw new Error(`none of ${TRIES_MAX} tasks waited for the hot device\n${observer.story()}`)
  }

  it('loses what can be moved to one that is cooler, and keeps what is exclusive', async () => {
    const { observer } = mesh
    // By its end whatever is exclusive may begin at once.
    await mesh.run('first', 'true', { exclusive: true })
    const go = mesh.file('go')
    // What it publishes would not be lost, however long it has run by then.
    const wait = `n=0; while [ ! -e ${go} ]; do echo $((n += 1)) > $COVEY_CHECKPOINT; sleep 0.1; done; echo done`
    await observer.publish('devices/calm/desired', { cordon: true })
    await mesh.submit('long', { run: { exec: ['sh', '-c', wait] }, retries: { failed: 0, lost: 0 } })
    expect((await observer.inState('long', 'running')).device).toBe('spiky')
    await observer.publish('devices/calm/desired', null)
    await mesh.submit('burns', {
      run: { exec: ['sh', '-c', 'while :; do :; done'] },
      where: { device: 'spiky' },
      exclusive: true,
    })

    await observer.until(() => observer.events('moved').length > 0, 'something to be moved', HOT_MS_MAX)
    const why = expect.stringMatching(
      /^moved off spiky, whose cpu has been at \d+ % for \d+ s, to make room; calm is at \d+ %$/,
    )
    expect(observer.events('moved')).toMatchObject([{ task: 'long', device: 'spiky', message: why }])
    const there = () =>
      observer.statuses('long').findLast(({ device, state }) => state === 'running' && device === 'calm')
    await observer.until(there, 'the task to run on the other device')
    expect(existsSync(go)).toBe(false)
    writeFileSync(go, '')
    expect(await observer.ended('long')).toMatchObject({
      state: 'succeeded',
      device: 'calm',
      result: { stdout: 'done\n' },
      attempts: 2,
      failed: 0,
      lost: 0,
      moves: { count: 1, from: 'spiky', why },
    })

    const late = await firstThatWaits(mesh)
    const [burns] = observer.statuses('burns').slice(-1)
    expect(burns).toMatchObject({ state: 'running', device: 'spiky', attempts: 1 })
    await mesh.withdraw('burns')
    expect(await observer.ended('burns')).toMatchObject({ state: 'cancelled' })
    expect(await observer.ended(late)).toMatchObject({ state: 'succeeded', device: 'spiky' })
  })
})
