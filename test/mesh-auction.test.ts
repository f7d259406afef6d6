/** Tasks that go by auction, on real brokers whose access rules are on: devices are asked, bid once a round, and win. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Auction, Bid } from '../shared/protocol/schemas/index.ts'
import { BROKERS, startBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

/** The users that the documented access rules name. */
const USERS = { 'pi-1': 'coordinator', 'pi-2': 'device', ann: 'operator' } as const
const DEVICES = ['pi-1', 'pi-2']
const ROUNDS_MAX = 50

for (const on of BROKERS) {
  describe.skipIf(!on.available)(`on ${on.kind}, an auction`, () => {
    let stage: Stage
    let mesh: Mesh
    beforeAll(async () => {
      stage = new Stage()
      mesh = await Mesh.open(stage, await startBroker(stage, on.kind, { users: USERS }), 'home')
      await mesh.observer.publish('config', { strategy: 'auction' })
      await mesh.agent('pi-1', { coordinator: 'prefer' })
      await mesh.agent('pi-2', { coordinator: 'never' })
      await mesh.serving(2)
    })
    afterAll(() => stage.close())

    const bids = (device: string) => mesh.observer.on<Bid>(`devices/${device}/bid`)
    const won = () => mesh.observer.events('placed').filter(({ message }) => message.includes(': won with '))

    it('asks all devices, and gives tasks to those that bid', async () => {
      const { observer } = mesh
      await observer.until(() => mesh.beacon().auctions === true, 'a beacon that tells of auctions')
      // Who listens only from now on may miss the first rounds.
      for (let n = 0; n < ROUNDS_MAX && won().length === 0; n++) await mesh.run(`t${n}`, 'true')
      for (const id of DEVICES) await observer.until(() => bids(id).length > 0, `a bid of ${id}`)
      const [{ message, device } = { message: '', device: '' }] = won()
      expect(message).toMatch(/: won with \d+ % .*\(\d bids?\); \d+ % of its scarcest resource is left$/)
      expect(DEVICES).toContain(device)
      // Numbers begin anew in every reign, and a coordinator may have stood still for so long that there is a second.
      const rounds = observer.on<Auction>('coordinator/auction')
      for (const reign of new Set(rounds.map(({ term }) => term))) {
        const numbers = rounds.filter(({ term }) => term === reign).map(({ round }) => round)
        expect(numbers).toEqual(numbers.map((_, index) => index + 1))
      }
      for (const id of DEVICES) {
        const answered = bids(id).map(({ term, round }) => `${term}.${round}`)
        expect(new Set(answered).size).toBe(answered.length)
      }
    })
  })
}
