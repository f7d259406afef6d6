/** A broker that is full of tasks that wait: submitters are refused, and the mesh goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, type CoveyError, connect } from '../client/index.ts'
import { Topics } from '../shared/protocol/topics.ts'
import { startLimitedBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'

const RETAINED_MAX = 100
/** 40 % of them. */
const SPECS_MAX = 40

describe('a broker that is full of tasks that wait', () => {
  let stage: Stage
  let broker: TestBroker
  let mesh: Mesh
  let submitter: Client
  const waiting: string[] = []

  beforeAll(async () => {
    stage = new Stage()
    broker = await startLimitedBroker(stage, { retainedMessagesMax: RETAINED_MAX })
    mesh = await Mesh.open(stage, broker, 'full')
    await mesh.start(['pi-1', 'pi-2'])
    submitter = await connect({ url: broker.url, mesh: 'full' })
    stage.later(() => submitter.close())
  })
  afterAll(() => stage.close())

  const submit = async (id: string): Promise<CoveyError | undefined> => {
    try {
      await submitter.submit(shell('true', { where: { planet: 'mars' } }), { id })
      return undefined
    } catch (error) {
      return error as CoveyError
    }
  }

  it('refuses one spec too many, and the submitter is told what that may mean', async () => {
    let refusal: CoveyError | undefined
    for (let i = 0; refusal === undefined && i <= SPECS_MAX; i++) {
      refusal = await submit(`waits-${i}`)
      if (refusal === undefined) waiting.push(`waits-${i}`)
    }
    expect(waiting).toHaveLength(SPECS_MAX)
    expect(refusal).toMatchObject({ code: 'E_BROKER_REFUSED' })
    expect(refusal?.remedy).toContain('E_BROKER_LIMIT')
  })

  /** Client ids of connections that the broker closed over a limit. */
  const refused = () =>
    broker.program.stderr
      .filter((line) => line.includes('E_BROKER_LIMIT'))
      .map((line) => (JSON.parse(line) as { clientId?: string }).clientId)

  it('leaves the coordinator its seat, and lets every task be withdrawn and end', async () => {
    for (const id of waiting) await submitter.withdraw(id)
    for (const id of waiting) expect(await mesh.observer.ended(id)).toMatchObject({ state: 'cancelled' })
    expect(refused()).toContainEqual(expect.stringMatching(/^covey-/))
    expect(refused()).not.toContain(new Topics(mesh.name).seatClientId())
  })

  it('takes work again when there is room', async () => {
    expect(await mesh.run('after', 'echo on')).toMatchObject({
      state: 'succeeded',
      result: { stdout: 'on\n' },
    })
  })
})
