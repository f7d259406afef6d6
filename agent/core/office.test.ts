/**
 * Election and office of one agent, driven by hand. What several agents do together is simulated elsewhere.
 */
import { describe, expect, it } from 'vitest'
import type { MeshEvent } from '../../shared/protocol/schemas/index.ts'
import { behind, Desk } from './testing/desk.ts'
import { Driver, SPEC } from './testing/driver.ts'
import { elect, inboxes, join, report, serve, statuses } from './testing/office.ts'

describe('election and office of a lone agent', () => {
  it('names its beacon in its will and takes a term above all it has heard of', () => {
    const driver = new Driver('auto')
    const beacon = elect(driver)
    expect(beacon).toMatchObject({ term: 1, agent: 'pi', candidates: ['pi'] })
    const will = driver.take('connect').find((effect) => effect.link === 'seat')?.will
    expect(will?.body).toEqual({ agent: 'pi', nonce: beacon.nonce })
  })

  it('is no candidate when the broker does not let it read what a coordinator must, and says so', () => {
    const driver = new Driver('auto').online(undefined, { candidates: ['pi'] })
    const warm = driver.take('subscribe').at(-1)
    const refused = ['covey/v1/home/tasks/+/spec']
    driver.published('state')
    driver.give({ in: 'subscribed', link: 'device', token: warm?.token ?? 0, refused })
    expect(driver.published('state')).toMatchObject([{ online: true, candidate: 'never' }])
    driver.hear('device', { route: 'death', id: '', body: { agent: 'boss', nonce: 'n1' } })
    driver.timer('election/claim')
    expect(driver.take('connect').filter((effect) => effect.link === 'seat')).toEqual([])
    expect(driver.take('log').find((log) => log.level === 'warn')?.fields?.['remedy']).toContain(
      '--coordinator never',
    )
  })

  it('offers itself before it follows everything, unless enough others have', () => {
    const missed = (others: readonly string[]) => {
      const driver = new Driver('auto').online(undefined, { candidates: [] })
      driver.effects = []
      driver.timer('election/lease')
      const probe = driver.take('publish').find((effect) => effect.message.route === 'state')
      driver.give({ in: 'acked', link: 'device', token: probe?.token ?? 0 })
      for (const agent of others) driver.hear('device', { route: 'offer', id: '', body: { agent } })
      driver.timer('election/offer')
      const topics = driver.take('subscribe').flatMap(({ to }) => to.map(({ topic }) => topic))
      return { offers: driver.published('offer'), follows: topics.includes('covey/v1/home/tasks/+/spec') }
    }
    const steppedIn = { offers: [{ agent: 'pi' }], follows: true }
    expect(missed([])).toEqual(steppedIn)
    expect(missed(['a', 'b', 'c', 'd', 'pi', 'a'])).toEqual(steppedIn)
    expect(missed(['a', 'b', 'c', 'd', 'e'])).toEqual({ offers: [], follows: false })
  })

  it('does without the offers of others where the broker refuses to tell them', () => {
    const driver = new Driver('auto')
    driver.give({ in: 'boot', journal: undefined })
    driver.give({ in: 'link-up', link: 'device' })
    const token = driver.take('subscribe')[0]?.token ?? 0
    driver.give({ in: 'subscribed', link: 'device', token, refused: ['covey/v1/home/coordinator/offer'] })
    driver.timer('worker/birth')
    expect(driver.published('state')).toMatchObject([{ online: true, candidate: 'auto' }])
  })

  it('does not claim the seat while a coordinator lives', () => {
    const driver = new Driver('auto').online(undefined, { candidates: ['pi'] })
    driver.timer('election/claim')
    expect(driver.take('connect').filter((effect) => effect.link === 'seat')).toEqual([])
  })

  it('acts on a death notice only when it names the present beacon', () => {
    const driver = new Driver('auto').online(undefined, { candidates: ['pi'] })
    driver.effects = []
    driver.hear('device', { route: 'death', id: '', body: { agent: 'boss', nonce: 'other' } })
    expect(driver.take('timer').filter((timer) => timer.name === 'election/claim')).toEqual([])
    driver.hear('device', { route: 'death', id: '', body: { agent: 'boss', nonce: 'n1' } })
    expect(driver.take('timer').filter((timer) => timer.name === 'election/claim')).toHaveLength(1)
  })

  it('leaves when it learns of a higher reign, with its will sent', () => {
    const driver = new Driver('auto')
    elect(driver)
    driver.effects = []
    driver.beacon({ term: 5, agent: 'other', nonce: 'n5' })
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('does not leave for a term that a device made up', () => {
    const driver = new Driver('auto')
    serve(driver)
    const body = { incarnation: 1, nonce: 'x-1', seq: 1, inboxSeq: 0, heldDigest: '' }
    const lie = { term: Number.MAX_SAFE_INTEGER, agent: 'zz' }
    driver.hear('seat', { route: 'load', id: 'liar', body: { ...body, highestTerm: lie } })
    expect(driver.take('disconnect')).toEqual([])
    const truth = { term: 40, agent: 'zz' }
    driver.hear('seat', { route: 'load', id: 'other', body: { ...body, highestTerm: truth } })
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('takes another term when a device has read orders of its reign that it never sent', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    const reign = { term: 1, agent: 'pi' }
    const load = { incarnation: 1, nonce: 'd-1', seq: 1, highestTerm: reign, inboxSeq: 7, heldDigest: '' }
    driver.hear('seat', { route: 'load', id: 'd', body: load })
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('leaves when its own beacon does not come back', () => {
    const driver = new Driver('auto')
    elect(driver)
    for (let beat = 0; beat < 6; beat++) {
      driver.pass(1_000)
      driver.timer('election/beacon')
    }
    expect(driver.take('disconnect')).toEqual([{ do: 'disconnect', link: 'seat', will: true }])
  })

  it('rejects what is no task with code, path and remedy, and clears it', () => {
    const driver = new Driver('auto')
    serve(driver)
    const rejection = {
      code: 'E_UNIT' as const,
      path: '/timeout',
      message: '"1 min" is not a duration',
      remedy: 'write "1m"',
    }
    driver.hear('device', { route: 'spec', id: 'bad', rejection })
    driver.timer('coordinator/status')
    const sent = driver.take('publish').find((effect) => effect.message.route === 'status')
    expect(sent?.message.body).toMatchObject({ state: 'rejected', error: rejection })
    expect(driver.published('spec')).toEqual([])
    driver.give({ in: 'acked', link: 'seat', token: sent?.token ?? 0 })
    expect(driver.published('spec')).toEqual([null])
  })

  it('explains a wait, and refuses other content under a known id while the first stands', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    expect(statuses(driver)).toMatchObject([{ state: 'pending', explanation: 'waits: no device is known' }])
    driver.hear('device', { route: 'spec', id: 't', body: { ...SPEC, priority: 1 } })
    expect(driver.published('spec')).toEqual([SPEC])
  })

  it('rejects a task beyond the number that may wait, and takes one when there is room again', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'config', id: '', body: { pendingTasksMax: 1 } })
    driver.hear('device', { route: 'spec', id: 'one', body: SPEC })
    driver.hear('device', { route: 'spec', id: 'two', body: SPEC })
    const told = Object.fromEntries(statuses(driver).map((status) => [status.task, status]))
    expect(told['one']?.state).toBe('pending')
    expect(told['two']).toMatchObject({ state: 'rejected', error: { code: 'E_PENDING_MAX' } })
    driver.hear('device', { route: 'spec', id: 'one', body: { withdraw: true } })
    driver.hear('device', { route: 'spec', id: 'three', body: SPEC })
    expect(statuses(driver).find((status) => status.task === 'three')?.state).toBe('pending')
  })

  it('counts what is to be tried again later among what waits', () => {
    const desk = Desk.serving()
    desk.driver.hear('device', { route: 'config', id: '', body: { pendingTasksMax: 1 } })
    desk.submit('one', { ...SPEC, retries: { failed: 3 } })
    desk.settle()
    desk.finish('one', 'failed')
    expect(desk.settle().why('one')).toMatch(/^pending: failed on d/)
    desk.submit('two', SPEC)
    desk.settle()
    expect(desk.code('two')).toBe('E_PENDING_MAX')
    desk.submit('one', { withdraw: true })
    desk.submit('three', SPEC)
    expect(desk.settle().last.get('three')?.state).toBe('assigned')
  })

  it('takes a late acknowledgement of a status for no end of another task of that id', () => {
    const desk = Desk.serving()
    desk.submit('a', { ...SPEC, ttl: '1s' })
    desk.settle()
    desk.finish('a')
    desk.settle()
    // Other content: said in the status, which is on its way when the task is forgotten.
    desk.submit('a', { ...SPEC, priority: 1 })
    desk.turn()
    expect(desk.unacked).toHaveLength(1)
    desk.due(1_000)
    expect(desk.cleared('status')).toEqual(['a'])
    desk.submit('b', behind('a'))
    desk.submit('a', SPEC)
    for (const token of desk.unacked.splice(0)) desk.driver.give({ in: 'acked', link: 'seat', token })
    desk.turn()
    expect(desk.why('b')).toBe('pending: waits for a (0 of 1 have succeeded)')
    expect(desk.last.get('a')?.state).toBe('assigned')
  })

  it('places work on a device that reports, and nothing on one that was cordoned before it joined', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'desired', id: 'closed', body: { cordon: true } })
    join(driver, 'closed')
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    expect(inboxes(driver)).toEqual([])
    expect(statuses(driver).at(-1)?.explanation).toBe('waits: 1 of 1 devices are cordoned')
    join(driver, 'open')
    expect(inboxes(driver)).toMatchObject([{ seq: 1, assign: [{ task: 't' }] }])
  })

  it('moves work away from a device that is to be drained, also work that comes to light later', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'desired', id: 'd', body: { drain: true } })
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    const early = { attempt: { term: 1, agent: 'old', n: 1 }, task: 't', phase: 'running' }
    report(driver, 'd', 0, [early])
    driver.timer('coordinator/tick')
    expect(inboxes(driver)).toMatchObject([{ revoke: [early.attempt] }])
  })

  it('counts on in the inbox of a device whose state was cleared and that came back', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 'one', body: SPEC })
    expect(inboxes(driver).map((inbox) => inbox.seq)).toEqual([1])
    driver.hear('device', { route: 'state', id: 'd', empty: true })
    join(driver, 'd', 1)
    driver.hear('device', { route: 'spec', id: 'two', body: SPEC })
    const later = inboxes(driver)
    expect(Math.min(...later.map((inbox) => inbox.seq))).toBeGreaterThan(1)
    expect(later.flatMap((inbox) => inbox.assign.map(({ task }) => task)).sort()).toEqual(['one', 'two'])
  })

  it('leaves a device alone for longer with every refusal, and says what it said', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 't', body: SPEC })
    const [inbox] = inboxes(driver)
    const error = { code: 'E_JOURNAL', message: 'the disk is full' }
    const rejected = [{ attempt: inbox?.assign[0]?.attempt, task: 't', error }]
    const head = { incarnation: 1, nonce: 'd-1', highestTerm: { term: 1, agent: 'pi' }, inboxSeq: 1 }
    driver.hear('seat', { route: 'report', id: 'd', body: { ...head, held: [], rejected, results: [] } })
    driver.timer('coordinator/run')
    expect(statuses(driver).at(-1)).toMatchObject({
      state: 'pending',
      attempts: 0,
      error,
      explanation: 'waits: 1 of 1 devices are refusing work (the disk is full)',
    })
  })

  it('ends a withdrawn unknown task as cancelled', () => {
    const driver = new Driver('auto')
    serve(driver)
    driver.hear('device', { route: 'spec', id: 'ghost', body: { withdraw: true } })
    expect(statuses(driver)).toMatchObject([{ task: 'ghost', state: 'cancelled' }])
  })

  it('tells what is wrong with settings, and where', () => {
    const driver = new Driver('auto')
    serve(driver)
    const what = '"magic" must be one of "greedy"'
    const rejection = { code: 'E_SHAPE', path: '/strategy', message: what, remedy: '' } as const
    const message = { route: 'config', id: '', retained: false, rejection } as const
    driver.give({ in: 'message', link: 'device', message })
    const events = driver.published<MeshEvent>('events')
    expect(events.map((event) => event.message)).toContain(`config was not taken: /strategy: ${what}`)
  })

  it('knows of a change that a device told while it was offline', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 't', body: { ...SPEC, where: { zone: 'attic' } } })
    expect(inboxes(driver)).toEqual([])
    const device = { incarnation: 1, nonce: 'd-1', labels: { zone: 'attic' }, executors: ['exec'] }
    const state = { ...device, capacity: { cpu: '8', memory: '8Gi' }, candidate: 'never', version: '1' }
    for (const online of [false, true]) {
      driver.hear('device', { route: 'state', id: 'd', body: { ...state, online } })
    }
    expect(inboxes(driver).flatMap(({ assign }) => assign.map(({ task }) => task))).toEqual(['t'])
  })

  it('lets a device keep a late result until the broker has the end that came before it', () => {
    const driver = new Driver('auto')
    serve(driver)
    join(driver, 'd')
    driver.hear('device', { route: 'spec', id: 't', body: { ...SPEC, retries: { lost: 0 } } })
    const attempt = inboxes(driver)[0]?.assign[0]?.attempt
    driver.settled()
    report(driver, 'd', 1)
    driver.timer('coordinator/status')
    const end = driver.take('publish').find(({ message }) => message.route === 'status')
    expect(end?.message.body).toMatchObject({ state: 'failed', error: { code: 'E_LOST' } })
    const head = { incarnation: 1, nonce: 'd-1', highestTerm: { term: 1, agent: 'pi' }, inboxSeq: 1 }
    const results = [{ attempt, task: 't', outcome: 'revoked' }]
    const late = { ...head, held: [], rejected: [], results }
    for (const _ of [1, 2]) driver.hear('seat', { route: 'report', id: 'd', body: late })
    expect(inboxes(driver)).toEqual([])
    driver.give({ in: 'acked', link: 'seat', token: end?.token ?? 0 })
    expect(inboxes(driver)).toMatchObject([{ ack: [attempt] }])
  })
})
