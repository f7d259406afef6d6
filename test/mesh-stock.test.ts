/** The promise that any MQTT client will do: tasks submitted, watched, refused and cancelled by stock clients alone. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MeshEvent } from '../shared/protocol/schemas/index.ts'
import { PAYLOAD_BYTES_MAX } from '../shared/protocol/schemas/index.ts'
import { BROKERS, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { refusal } from './mesh/refusal.ts'
import { Stage } from './mesh/stage.ts'
import { PUB, StockClients, SUB, type Watch } from './mesh/stock.ts'
import { isAlive } from './mesh/witness.ts'

const MESH = 'stock'
const MEBIBYTE = 2 ** 20

for (const on of BROKERS) {
  describe.skipIf(!(on.available && PUB.available && SUB.available))(`on ${on.kind}, stock clients`, () => {
    let stage: Stage
    let broker: TestBroker
    let mesh: Mesh
    let stock: StockClients
    let watch: Watch
    beforeAll(async () => {
      stage = new Stage()
      broker = await startBroker(stage, on.kind)
      // Only to start agents, and to know when they serve.
      mesh = await Mesh.open(stage, broker, MESH)
      stock = new StockClients(stage, broker, MESH)
      watch = stock.watch('#')
      await mesh.start(['pi-1', 'pi-2'])
    })
    afterAll(() => stage.close())

    it('submit a task, follow it to its end, and read its result later', async () => {
      await stock.submit('hello', { run: { exec: ['echo', 'hello', 'there'] }, timeout: '1m' })
      expect(await watch.ended('hello')).toMatchObject({
        state: 'succeeded',
        result: { exitCode: 0, stdout: 'hello there\n' },
      })
      await watch.cleared('tasks/hello/spec')
      expect(JSON.parse(await stock.read('tasks/hello/status'))).toMatchObject({ state: 'succeeded' })
    })

    it('submit a task while there is nobody to take it', async () => {
      const empty = new StockClients(stage, broker, 'vacant')
      await empty.submit('early', { run: { exec: ['echo', 'at last'] } })
      const late = await Mesh.open(stage, broker, 'vacant')
      await late.agent('pi-9')
      const seen = empty.watch('tasks/+/status')
      expect(await seen.ended('early')).toMatchObject({ state: 'succeeded', result: { stdout: 'at last\n' } })
      await late.program('pi-9').ended('SIGKILL')
    })

    const run = { exec: ['true'] }
    it.each<[string, unknown, { code: string; path: string; says: RegExp }]>([
      ['bad-json', '{"run": {"exec": ["true"]', { code: 'E_NOT_JSON', path: '', says: /JSON/ }],
      ['not-an-object', '"true"', { code: 'E_SHAPE', path: '', says: /object/ }],
      ['unknown-field', { run, piority: 9 }, { code: 'E_UNKNOWN_FIELD', path: '/piority', says: /piority/ }],
      ['wrong-duration', { run, timeout: '10 sec' }, { code: 'E_UNIT', path: '/timeout', says: /10 sec/ }],
      [
        'wrong-quantity',
        { run, resources: { memory: '64MB' } },
        { code: 'E_UNIT', path: '/resources/memory', says: /64MB/ },
      ],
      ['wrong-type', { run, priority: 'high' }, { code: 'E_SHAPE', path: '/priority', says: /integer/ }],
      ['nothing-to-run', {}, { code: 'E_SHAPE', path: '/run', says: /run/ }],
      ['unknown-executor', { run: { vm: 'x.qcow2' } }, { code: 'E_EXECUTOR', path: '/run/vm', says: /vm/ }],
      [
        'oversized',
        { run, input: 'x'.repeat(PAYLOAD_BYTES_MAX) },
        { code: 'E_TOO_LARGE', path: '', says: new RegExp(String(PAYLOAD_BYTES_MAX)) },
      ],
    ])('learn why a spec is refused: %s', async (id, spec, wanted) => {
      await stock.submit(id, spec)
      const status = await watch.ended(id)
      expect(status).toMatchObject({ task: id, state: 'rejected', attempts: 0 })
      expect(status.error).toMatchObject({ code: wanted.code, path: wanted.path })
      expect(status.error?.message).toMatch(wanted.says)
      expect(status.error?.remedy).not.toBe('')
      expect(status.explanation).toContain(status.error?.message)
      await watch.cleared(`tasks/${id}/spec`)
      expect(JSON.parse(await stock.read(`tasks/${id}/status`))).toMatchObject({ state: 'rejected' })
    })

    it('learn that an id is taken, and the first content stands', async () => {
      const gate = mesh.file('taken-gate')
      const begin = async (id: string) => {
        await stock.submit(id, shell(`until [ -e ${gate} ]; do sleep 0.05; done; echo first`))
        await watch.inState(id, 'running')
      }
      const replace = (id: string) => stock.submit(id, shell('echo second'))
      const { id, status } = await refusal(watch, 'taken', begin, replace)
      expect(status.state).toBe('running')
      expect(status.refused?.error.code).toBe('E_ID_TAKEN')
      await stock.submit('open', shell(`touch ${gate}`))
      expect(await watch.ended(id)).toMatchObject({ state: 'succeeded', result: { stdout: 'first\n' } })
    })

    it('may send the same spec again, also with its fields in another order', async () => {
      const file = mesh.file('same')
      const gate = mesh.file('same-gate')
      const script = `echo ran >> ${file}; until [ -e ${gate} ]; do sleep 0.05; done`
      const spec = shell(script, { priority: 60, timeout: '2m' })
      const turned = Object.fromEntries(Object.entries(spec).reverse())
      await stock.submit('same', spec)
      await watch.inState('same', 'running')
      await stock.submit('same', turned)
      writeFileSync(gate, '')
      expect(await watch.ended('same')).toMatchObject({ state: 'succeeded' })
      await watch.cleared('tasks/same/spec')
      await stock.submit('same', turned)
      await watch.until(
        () => watch.on('tasks/same/spec').filter((text) => text === '').length >= 2,
        'clearing',
      )
      await mesh.quiet()
      expect(watch.statuses('same').filter(({ refused }) => refused !== undefined)).toEqual([])
      expect(readFileSync(file, 'utf8')).toBe('ran\n')
    })

    it.each(['bad.id', 'bad id', '-dash', 'x'.repeat(65), 'Käse'])(
      'get no status for an id with bad characters, but an event: %s',
      async (id) => {
        await stock.submit(id, { run })
        const told = () =>
          watch.objects<MeshEvent>('events').find((event) => event.task === id && event.code === 'E_ID')
        const event = await watch.until(told, 'an event')
        expect(event.message).toContain(JSON.stringify(id.slice(0, 64)))
        await watch.cleared(`tasks/${id}/spec`)
        expect(watch.on(`tasks/${id}/status`)).toEqual([])
      },
    )

    const WITHDRAW = { withdraw: true }
    const submitRunning = async (id: string) => {
      const file = mesh.file(`${id}-pid`)
      await stock.submit(id, shell(`echo $$ > ${file}; exec sleep 600`, { grace: '1s' }))
      await watch.inState(id, 'running')
      // A command runs before its first line has: the shell may still be on its way to it.
      const written = () => existsSync(file) && readFileSync(file, 'utf8').trim()
      return Number(await watch.until(() => written() || undefined, 'the command to tell its pid'))
    }

    it('withdraw a task that runs', async () => {
      const pid = await submitRunning('withdrawn')
      expect(isAlive(pid)).toBe(true)
      await stock.submit('withdrawn', WITHDRAW)
      expect(await watch.ended('withdrawn')).toMatchObject({ state: 'cancelled' })
      await watch.until(() => !isAlive(pid), 'the command to be ended')
      await watch.cleared('tasks/withdrawn/spec')
    })

    it('withdraw a task that waits', async () => {
      await stock.submit('waiting', { run, where: { planet: 'mars' } })
      await watch.waiting('waiting', /planet/)
      await stock.submit('waiting', WITHDRAW)
      expect(await watch.ended('waiting')).toMatchObject({ state: 'cancelled', attempts: 0 })
      await watch.cleared('tasks/waiting/spec')
    })

    it('withdraw an id that nobody knows, so that it stays withdrawn', async () => {
      await stock.submit('unknown', WITHDRAW)
      expect(await watch.ended('unknown')).toMatchObject({ state: 'cancelled' })
      await watch.cleared('tasks/unknown/spec')
      await stock.submit('unknown', { run })
      await watch.until(
        () => watch.on('tasks/unknown/spec').filter((text) => text === '').length >= 2,
        'clearing',
      )
      await mesh.quiet()
      expect(watch.statuses('unknown').map(({ state }) => state)).not.toContain('succeeded')
    })

    it('withdraw a task that has ended, which changes nothing', async () => {
      await stock.submit('over', { run })
      await watch.ended('over')
      await watch.cleared('tasks/over/spec')
      await stock.submit('over', WITHDRAW)
      await watch.until(
        () => watch.on('tasks/over/spec').filter((text) => text === '').length >= 2,
        'clearing',
      )
      expect(watch.statuses('over').at(-1)?.state).toBe('succeeded')
    })

    it('cancel a task that runs by clearing its spec', async () => {
      const pid = await submitRunning('emptied')
      await stock.publish('tasks/emptied/spec', null)
      expect(await watch.ended('emptied')).toMatchObject({ state: 'cancelled' })
      await watch.until(() => !isAlive(pid), 'the command to be ended')
    })

    it('are refused a withdrawal that is not one', async () => {
      const replace = (id: string) => stock.submit(id, { withdraw: 'yes' })
      const { id, status, begun: pid } = await refusal(watch, 'stays', submitRunning, replace)
      expect(status.refused?.error.code).toBe('E_SHAPE')
      expect(isAlive(pid)).toBe(true)
      await stock.submit(id, WITHDRAW)
      expect(await watch.ended(id)).toMatchObject({ state: 'cancelled' })
    })

    describe('large payloads, in a mesh of their own', () => {
      let big: StockClients
      let seen: Watch
      beforeAll(async () => {
        const large = await Mesh.open(stage, broker, 'large')
        big = new StockClients(stage, broker, 'large')
        seen = big.watch('tasks/#')
        await large.start(['pi-1', 'pi-2'])
      })

      it('may send specs of 256 KiB, also several at once', async () => {
        const sized = (bytes: number) => {
          const spec = { run: { exec: ['wc', '-c'] }, input: '' }
          return JSON.stringify({ ...spec, input: 'x'.repeat(bytes - JSON.stringify(spec).length) })
        }
        const ids = ['large-0', 'large-1', 'large-2', 'large-3']
        await Promise.all(ids.map((id) => big.submit(id, sized(PAYLOAD_BYTES_MAX))))
        for (const id of ids) {
          const status = await seen.ended(id)
          expect(status).toMatchObject({ state: 'succeeded', lost: 0 })
          // The input as JSON, and the end of its line.
          const input = JSON.stringify(JSON.parse(sized(PAYLOAD_BYTES_MAX)).input)
          expect(status.result?.stdout).toBe(`${input.length + 1}\n`)
        }
      })

      it('may send numbers that take more room when they are written again', async () => {
        const input = `[${Array.from({ length: 40_000 }, () => '1e20').join(',')}]`
        await big.submit('grows', `{"run":{"exec":["wc","-c"]},"input":${input}}`)
        const status = await seen.ended('grows')
        // Whether it runs or is refused for its size is not promised; that it ends, and that the mesh lives on, is.
        if (status.state !== 'succeeded') expect(status).toMatchObject({ error: { code: 'E_TOO_LARGE' } })
        await big.submit('after-grows', { run })
        expect(await seen.ended('after-grows')).toMatchObject({ state: 'succeeded', lost: 0 })
      })

      it('do not take the mesh down with a payload beyond all limits', async () => {
        // The broker may close the connection over it, and mosquitto_pub then ends badly or tries again.
        const sent = big.publish(
          'tasks/monster/spec',
          JSON.stringify({ run, input: 'x'.repeat(2 * MEBIBYTE) }),
        )
        sent.catch(() => undefined)
        await big.submit('after-monster', { run })
        expect(await seen.ended('after-monster')).toMatchObject({ state: 'succeeded' })
        expect(seen.statuses('monster').filter(({ state }) => state !== 'rejected')).toEqual([])
      })
    })
  })
}
