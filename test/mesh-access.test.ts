/**
 * A mesh behind passwords and access rules: every role can do what it is for, and not what it is not for. On
 * Mosquitto the rules are those that docs/operations.md tells people to use.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '../broker/passwords.ts'
import { BROKERS, COVEY, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Observer } from './mesh/observer.ts'
import { Stage } from './mesh/stage.ts'

/** As in docs/operations.md. */
const MESH = 'home'
const USERS: Readonly<Record<string, Role>> = {
  'pi-1': 'coordinator',
  'pi-2': 'device',
  ben: 'submitter',
  ann: 'operator',
}

for (const on of BROKERS) {
  describe.skipIf(!on.available)(`on ${on.kind}, with access rules`, () => {
    let stage: Stage
    let broker: TestBroker
    let mesh: Mesh
    beforeAll(async () => {
      stage = new Stage()
      broker = await startBroker(stage, on.kind, { users: USERS })
      mesh = await Mesh.open(stage, broker, MESH)
      await Promise.all([mesh.agent('pi-1'), mesh.agent('pi-2', { coordinator: 'never' })])
      await mesh.serving(2)
    })
    afterAll(() => stage.close())

    const as = async (username: string, filter: string) => {
      const { url, password = '' } = broker
      const observer = await Observer.open(url, MESH, { username, password, filter })
      stage.later(() => observer.close())
      return observer
    }

    it.each([['pi-1'], ['pi-2']])('a submitter runs a task on %s and reads its output', async (device) => {
      const other = device === 'pi-1' ? 'pi-2' : 'pi-1'
      await mesh.observer.publish(`devices/${other}/desired`, { cordon: true })
      const ben = await as('ben', 'tasks/#')
      const id = `for-ben-on-${device}`
      await ben.publish(`tasks/${id}/spec`, shell('echo "$COVEY_DEVICE"'))
      expect(await ben.ended(id)).toMatchObject({ state: 'succeeded', result: { stdout: `${device}\n` } })
      await ben.until(() => ben.log(id).length > 0, 'the log')
      await ben.until(() => ben.cleared(`tasks/${id}/spec`), 'the spec to be cleared')
      await mesh.observer.publish(`devices/${other}/desired`, null)
    })

    it('a submitter can neither write a status nor cordon a device', async () => {
      const ben = await as('ben', 'tasks/#')
      const forged = { task: 'forged', state: 'succeeded' }
      // Refused by closing the connection, or acknowledged and dropped: MQTT 3.1.1 has no word for it.
      ben.publish('tasks/forged/status', forged).catch(() => undefined)
      const again = await as('ben', 'tasks/#')
      again.publish('devices/pi-1/desired', { cordon: true }).catch(() => undefined)
      await mesh.observer.publish('devices/pi-2/desired', { cordon: true })
      // With pi-2 cordoned in truth, a task runs only if pi-1 was not.
      expect(await mesh.run('after-forgery', 'true')).toMatchObject({ state: 'succeeded', device: 'pi-1' })
      await mesh.observer.publish('devices/pi-2/desired', null)
      expect(mesh.observer.on('tasks/forged/status')).toEqual([])
      expect(mesh.observer.on('devices/pi-1/desired').slice(1)).toEqual([])
    })

    it('a wrong password is refused, and the agent says so', async () => {
      const argv = ['agent', '--broker', broker.url, '--id', 'pi-1', '--data', mesh.data('impostor')]
      const env = { COVEY_USERNAME: 'pi-1', COVEY_PASSWORD: 'guessed' }
      const impostor = stage.spawn('impostor', process.execPath, [COVEY, ...argv], { env })
      const complaint = () => impostor.stderr.find((line) => line.includes('E_BROKER_REFUSED'))
      expect(await impostor.until(complaint, 'a complaint')).toContain('password')
      expect(await impostor.ended('SIGTERM')).toBe(0)
    })

    it('a device goes on when its connection was lost', async () => {
      expect(await mesh.program('pi-2').ended('SIGKILL')).toBe('SIGKILL')
      await mesh.observer.until(() => mesh.observer.state('pi-2')?.online === false, 'the death notice')
      await mesh.agent('pi-2', { coordinator: 'never' })
      await mesh.observer.until(() => mesh.observer.state('pi-2')?.online === true, 'the device to be back')
    })
  })
}
