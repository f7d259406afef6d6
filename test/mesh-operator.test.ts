/** What operators do from the command line, on real brokers whose access rules are on: settings and devices. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '../broker/passwords.ts'
import { BROKERS, COVEY, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

const USERS: Readonly<Record<string, Role>> = {
  'pi-1': 'coordinator',
  'pi-2': 'device',
  ben: 'submitter',
  ann: 'operator',
}

for (const on of BROKERS) {
  describe.skipIf(!on.available)(`on ${on.kind}, an operator`, () => {
    let stage: Stage
    let broker: TestBroker
    let mesh: Mesh
    beforeAll(async () => {
      stage = new Stage()
      broker = await startBroker(stage, on.kind, { users: USERS })
      mesh = await Mesh.open(stage, broker, 'home')
      await mesh.agent('pi-1', { coordinator: 'prefer' })
      await mesh.agent('pi-2', { coordinator: 'never' })
      await mesh.serving(2)
    })
    afterAll(() => stage.close())

    /** Runs `covey` as that user of the mesh. */
    const covey = (user: string, ...words: string[]) => {
      const env = {
        ...process.env,
        COVEY_BROKER: broker.url,
        COVEY_MESH: mesh.name,
        COVEY_USERNAME: user,
        COVEY_PASSWORD: broker.password,
      }
      const options = { env, encoding: 'utf8', timeout: 120_000 } as const
      const { status, stdout, stderr } = spawnSync(process.execPath, [COVEY, ...words], options)
      return { status, stdout, stderr }
    }

    it('changes settings that the coordinator goes by, and is told at once of those that it would not', async () => {
      const file = mesh.file('settings.yaml')
      writeFileSync(file, 'tenants:\n  lab: { quota: { cpu: 1 } }\n')
      expect(covey('ann', 'config', '-f', file)).toMatchObject({ status: 0 })
      expect(covey('ann', 'config', 'set', 'strategy=best-fit')).toMatchObject({
        status: 0,
        stdout: 'strategy: best-fit (was greedy, the default)\n',
      })
      const big = { tenant: 'lab', resources: { cpu: '2', memory: '16Mi' } }
      expect(await mesh.run('too-big', 'true', big)).toMatchObject({
        state: 'rejected',
        error: { code: 'E_QUOTA_SIZE' },
      })
      await mesh.run('packed', 'true')
      const placed = () => mesh.observer.events('placed').find(({ task }) => task === 'packed')
      await mesh.observer.until(() => placed() !== undefined, 'the event of a placement')
      expect(placed()?.message).toContain('best packed')
      const wrong = covey('ann', 'config', 'set', 'tenants.lab.quota.cpu=many')
      expect(wrong.status).toBe(1)
      expect(wrong.stderr).toContain('/tenants/lab/quota/cpu: "many" is not a quantity')
      expect(covey('ann', 'config', 'unset', 'tenants.lab', 'strategy')).toMatchObject({ status: 0 })
      expect(await mesh.run('not-too-big', 'true', big)).toMatchObject({ state: 'succeeded' })
      expect(mesh.observer.events('rejected').filter(({ task }) => task === undefined)).toEqual([])
    })

    it('drains a device: its work goes on elsewhere, and the command ends when it is empty', async () => {
      const { observer } = mesh
      expect(covey('ann', 'cordon', 'pi-1')).toMatchObject({ status: 0, stdout: 'pi-1 is cordoned\n' })
      const go = mesh.file('go')
      await mesh.submit('long', shell(`while [ ! -e ${go} ]; do sleep 0.1; done; echo "$COVEY_DEVICE"`))
      expect((await mesh.running(['long'])).get('long')).toBe('pi-2')
      expect(covey('ann', 'uncordon', 'pi-1')).toMatchObject({ status: 0, stdout: 'pi-1 is uncordoned\n' })
      expect(covey('ann', 'drain', 'pi-2')).toMatchObject({ status: 0, stdout: 'pi-2 is drained\n' })
      await observer.until(() => observer.statuses('long').at(-1)?.device === 'pi-1', 'the task on pi-1')
      writeFileSync(go, '')
      expect(await observer.ended('long')).toMatchObject({ state: 'succeeded', result: { stdout: 'pi-1\n' } })
      expect(covey('ann', 'uncordon', 'pi-2')).toMatchObject({ status: 0 })
    })

    it('holds a device, with a reason that tasks and people get to read', async () => {
      const held = covey('ann', 'hold', 'pi-1', 'pi-2', '--for', '1h', '--reason', 'new cards')
      expect(held).toMatchObject({ status: 0, stdout: expect.stringMatching(/^pi-1 is held by ann until /) })
      await mesh.submit('patient', shell('true'))
      const { observer } = mesh
      const why = () => observer.statuses('patient').at(-1)?.explanation ?? ''
      await observer.until(() => why().includes('are held by ann'), 'a task that waits for the hold to end')
      expect(covey('ann', 'get', 'devices').stderr).toContain(': new cards')
      expect(covey('ann', 'release', 'pi-1')).toMatchObject({ status: 0 })
      expect(await observer.ended('patient')).toMatchObject({ state: 'succeeded', device: 'pi-1' })
      expect(covey('ann', 'release', 'pi-2')).toMatchObject({ status: 0 })
    })

    it('is who may do so: a submitter gets an error, and nothing changes', async () => {
      expect(covey('ben', 'config', 'set', 'strategy=dp')).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringMatching(/^E_BROKER_REFUSED/),
      })
      expect(covey('ann', 'config', '--json').stdout).toContain('"set": {}')
      expect(await mesh.run('after', 'true', { where: { device: 'pi-1' } })).toMatchObject({
        state: 'succeeded',
      })
    })
  })
}
