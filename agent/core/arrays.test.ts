/** Arrays, as one agent in office treats them, and as a device does. */
import { describe, expect, it } from 'vitest'
import type { AgentEffect } from '../../shared/ports.ts'
import type {
  AttemptResult,
  Batch,
  Inbox,
  ResultPage,
  TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { attempt, Driver, SPEC } from './testing/driver.ts'
import { inboxes, join, serve } from './testing/office.ts'

type Publish = Extract<AgentEffect, { do: 'publish' }>

const small = { ...SPEC, resources: { cpu: '1', memory: '1Mi' } }
const HEAD = { incarnation: 1, nonce: 'd-1', highestTerm: { term: 1, agent: 'pi' }, inboxSeq: 1 }

/** An agent in office with one device that has room for eight elements. */
class Office {
  readonly driver = new Driver('auto')

  constructor() {
    serve(this.driver)
    join(this.driver, 'd')
  }

  submit(array: unknown[], more: object = {}): void {
    this.driver.hear('device', { route: 'spec', id: 'a', body: { ...small, array, ...more } })
  }

  /** What was sent to the device since the last call. */
  sent(): Inbox[] {
    return inboxes(this.driver)
  }

  batches(): Batch[] {
    return this.sent().flatMap(({ batches = [] }) => batches)
  }

  /** The device reports that attempts have ended. */
  report(ns: readonly number[], outcome = 'succeeded', stdout = 'out', first = 0): void {
    const results = ns.map((n) => ({
      attempt: { term: 1, agent: 'pi', n },
      task: `a[${first + n - 1}]`,
      outcome,
      result: { exitCode: outcome === 'succeeded' ? 0 : 1, stdout },
      ...(outcome === 'succeeded' ? {} : { error: { code: 'E_EXIT', message: 'exit code 1' } }),
    }))
    this.driver.hear('seat', { route: 'report', id: 'd', body: { ...HEAD, held: [], rejected: [], results } })
  }

  /** Pages that go out now. */
  pages(): Publish[] {
    this.driver.timer('coordinator/page')
    const found = this.driver.effects.filter(
      (effect): effect is Publish => effect.do === 'publish' && effect.message.route === 'results',
    )
    this.driver.effects = this.driver.effects.filter((effect) => !found.includes(effect as Publish))
    return found
  }

  ack({ token = 0 }: Publish): void {
    this.driver.give({ in: 'acked', link: 'seat', token })
  }

  status(): TaskStatus | undefined {
    this.driver.timer('coordinator/status')
    const found = this.driver.effects.filter(
      (effect): effect is Publish => effect.do === 'publish' && effect.message.route === 'status',
    )
    this.driver.effects = this.driver.effects.filter((effect) => !found.includes(effect as Publish))
    for (const publish of found) this.ack(publish)
    return found.at(-1)?.message.body as TaskStatus | undefined
  }
}

const bodyOf = (publish: Publish | undefined) => publish?.message.body as ResultPage

describe('an array in office', () => {
  it('sends a run of elements in one message, with the spec in it once and its inputs', () => {
    const office = new Office()
    office.submit(['x', 'y', 'z'])
    const [batch, ...more] = office.batches()
    expect(more).toEqual([])
    expect(batch?.spec).toEqual(small)
    expect(batch?.elements).toEqual([
      { n: 1, element: 0, input: 'x' },
      { n: 2, element: 1, input: 'y' },
      { n: 3, element: 2, input: 'z' },
    ])
  })

  it('reserves before it sends, and sends more as elements end', () => {
    const office = new Office()
    office.submit(Array.from({ length: 20 }, (_, n) => n))
    expect(office.batches().flatMap(({ elements }) => elements).length).toBe(8)
    office.report([1, 2, 3])
    expect(office.batches().flatMap(({ elements }) => elements.map(({ element }) => element))).toEqual([
      8, 9, 10,
    ])
    expect(office.status()?.array).toMatchObject({ states: { pending: 9, succeeded: 3 }, reported: 0 })
  })

  it('lets the device forget results, and the array end, only when the broker has their page', () => {
    const office = new Office()
    office.submit([0, 1])
    office.sent()
    office.report([1, 2])
    const [page] = office.pages()
    expect(bodyOf(page).results.map(({ element, state }) => [element, state])).toEqual([
      [0, 'succeeded'],
      [1, 'succeeded'],
    ])
    expect(page?.message).toMatchObject({
      topic: 'covey/v1/home/tasks/a/results/1-pi-0',
      retain: true,
      qos: 1,
    })
    expect(office.sent().flatMap(({ ack }) => ack)).toEqual([])
    expect(office.status()?.state).not.toBe('succeeded')
    office.ack(page as Publish)
    expect(office.sent().flatMap(({ ack }) => ack.map(({ n }) => n))).toEqual([1, 2])
    expect(office.status()).toMatchObject({ state: 'succeeded', array: { elements: 2, reported: 2 } })
  })

  it('acknowledges no result that comes again before its page is kept, and counts none twice', () => {
    const office = new Office()
    office.submit([0, 1])
    office.sent()
    office.report([1])
    const [page] = office.pages()
    office.report([1])
    expect(office.sent().flatMap(({ ack }) => ack)).toEqual([])
    office.ack(page as Publish)
    office.sent()
    office.report([1])
    expect(office.sent().flatMap(({ ack }) => ack.map(({ n }) => n))).toEqual([1])
    expect(office.status()?.duplicates).toBeUndefined()
  })

  it('publishes a page again with more in it, one publish at a time', () => {
    const office = new Office()
    office.submit([0, 1, 2])
    office.sent()
    office.report([1])
    const [first] = office.pages()
    office.report([2])
    expect(office.pages()).toEqual([])
    office.ack(first as Publish)
    const [second] = office.pages()
    expect(second?.message.topic).toBe(first?.message.topic)
    expect(bodyOf(second).results.map(({ element }) => element)).toEqual([0, 1])
    expect(bodyOf(first).results.length).toBe(1)
  })

  it('keeps pages below what a payload may have, whatever elements put out', () => {
    const office = new Office()
    office.submit(Array.from({ length: 8 }, (_, n) => n))
    const [batch] = office.batches()
    office.report([1, 2, 3, 4, 5, 6, 7, 8], 'failed', '\u0000'.repeat(80_000))
    const pages = office.pages()
    expect(pages.length).toBe(8)
    for (const { message } of pages) {
      expect(Buffer.byteLength(JSON.stringify(message.body))).toBeLessThan(256 * 1024)
    }
    expect(bodyOf(pages[0]).results[0]?.result?.truncated).toBe(true)
    expect(batch?.outputBytes).toBeGreaterThan(80_000)
  })

  it('tries an element again by itself, and tells in its status what another coordinator must know', () => {
    const office = new Office()
    office.submit([0, 1], { retries: { failed: 1 } })
    office.sent()
    office.report([1], 'failed')
    expect(office.pages()).toEqual([])
    const status = office.status()
    expect(status?.array?.retried).toEqual([
      { element: 0, failed: 1, lost: 0, over: { term: 1, agent: 'pi', n: 1 } },
    ])
    // The status accounts for the try: now the device may forget it.
    expect(office.sent().flatMap(({ ack }) => ack.map(({ n }) => n))).toEqual([1])
    office.driver.pass(5_000)
    office.driver.timer('coordinator/due')
    expect(office.batches().flatMap(({ elements }) => elements)).toEqual([{ n: 3, element: 0, input: 0 }])
  })

  it('takes an end that a page of an earlier coordinator tells of late, and gives up its own attempt', () => {
    const office = new Office()
    office.submit([0, 1])
    office.sent()
    const digest = office.status()?.digest
    const over = { term: 0, agent: 'old', n: 9 }
    const results = [{ element: 1, state: 'succeeded', attempt: over, attempts: 1 }]
    const page = { task: 'a', digest, term: 0, agent: 'old', page: 0, results }
    office.driver.hear('device', { route: 'results', id: 'a', page: '0-old-0', body: page })
    expect(office.sent().flatMap(({ revoke }) => revoke.map(({ n }) => n))).toEqual([2])
    office.report([1])
    const [own] = office.pages()
    office.ack(own as Publish)
    expect(bodyOf(own).results.map(({ element }) => element)).toEqual([0])
    expect(office.status()).toMatchObject({ state: 'succeeded', array: { reported: 2 } })
  })

  it('takes its pages away before its status, after its ttl', () => {
    const office = new Office()
    office.submit([0], { ttl: '10s' })
    office.sent()
    office.report([1])
    for (const page of office.pages()) office.ack(page)
    expect(office.status()?.state).toBe('succeeded')
    office.driver.take('publish')
    office.driver.pass(11_000)
    office.driver.timer('coordinator/due')
    const gone = office.driver.take('publish').filter(({ message }) => message.body === null)
    expect(gone.map(({ message }) => message.route)).toEqual(['results', 'status'])
  })
})

describe('elements on a device', () => {
  const batch = (more: Partial<Batch> = {}): Batch => ({
    task: 'a',
    spec: SPEC,
    outputBytes: 100,
    elements: [
      { n: 1, element: 4, input: { n: 4 } },
      { n: 2, element: 5 },
    ],
    ...more,
  })

  it('are attempts of their own, each with its own input', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ batches: [batch()] })
    expect(driver.take('run').map(({ task, attempt: { n }, spec }) => [task, n, spec.input])).toEqual([
      ['a[4]', 1, { n: 4 }],
      ['a[5]', 2, undefined],
    ])
    expect(
      driver
        .reports()
        .at(-1)
        ?.held.map(({ task }) => task),
    ).toEqual(['a[4]', 'a[5]'])
  })

  it('get what predecessors put out beside their input', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ batches: [batch({ spec: { ...SPEC, input: { after: { p: { stdout: 'x' } } } } })] })
    expect(driver.take('run').map(({ spec }) => spec.input)).toEqual([
      { after: { p: { stdout: 'x' } }, input: { n: 4 } },
      { after: { p: { stdout: 'x' } } },
    ])
  })

  it('that find no room are refused, one by one', () => {
    const driver = new Driver().online().settled()
    const elements = [1, 2, 3].map((n) => ({ n, element: n, input: n }))
    driver.inbox({ batches: [batch({ elements })] })
    expect(driver.take('run').length).toBe(2)
    expect(driver.reports().at(-1)?.rejected).toMatchObject([{ task: 'a[3]', error: { code: 'E_CAPACITY' } }])
  })

  it('have their output cut to the array’s share before it is journaled', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ batches: [batch()] })
    driver.take('persist')
    const result = { exitCode: 0, stdout: 'o'.repeat(5_000), stderr: 'few' }
    driver.give({ in: 'ended', attempt: attempt(1), end: { outcome: 'succeeded', result } })
    const kept = driver.take('persist').flatMap(({ change }) => change.put?.result ?? []) as AttemptResult[]
    expect(kept[0]?.result).toEqual({ exitCode: 0, stdout: 'o'.repeat(100), stderr: 'few', truncated: true })
  })

  it('write their output to the log of their array, with their index', () => {
    const driver = new Driver().online().settled()
    driver.inbox({ batches: [batch()] })
    driver.give({ in: 'output', attempt: attempt(1), stream: 'stdout', text: 'hi' })
    const log = driver.take('publish').find(({ message }) => message.route === 'log')
    expect(log?.message).toMatchObject({
      topic: 'covey/v1/home/tasks/a/log',
      body: { element: 4, text: 'hi' },
    })
  })
})
