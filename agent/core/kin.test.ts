/** Tasks that are placed with regard to others, whoever placed those. */
import { describe, expect, it } from 'vitest'
import { contentDigest } from '../../shared/protocol/digest.ts'
import type { TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { Desk } from './testing/desk.ts'
import { born, elect, join, report } from './testing/office.ts'

const DB: TaskSpec = { run: { exec: ['true'] }, group: 'db', apart: [{ group: 'db' }] }
const attempt = { term: 1, agent: 'old', n: 1 }
const before: TaskStatus = {
  task: 'first',
  state: 'running',
  digest: contentDigest(DB),
  term: 1,
  agent: 'old',
  attempt,
  device: 'd',
  attempts: 1,
  failed: 0,
  lost: 0,
  explanation: 'before',
  times: {},
}

describe('a new coordinator', () => {
  it('keeps tasks apart from what its predecessor placed, until that has ended', () => {
    const desk = new Desk()
    const beacon = elect(desk.driver)
    desk.driver.hear('device', { route: 'spec', id: 'first', body: DB }, true)
    desk.driver.hear('device', { route: 'status', id: 'first', body: before }, true)
    desk.driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
    desk.driver.pass(1_000)
    born(desk.driver, 'd')
    desk.driver.timer('coordinator/settle')
    report(desk.driver, 'd', 0, [{ attempt, task: 'first', phase: 'running' }])
    desk.settle()
    desk.submit('second', DB)
    desk.settle()
    expect(desk.why('second')).toBe(
      'pending: waits: 1 of 1 devices have something of group db, from which it must stay apart',
    )
    join(desk.driver, 'e')
    desk.settle()
    expect(desk.last.get('second')).toMatchObject({ state: 'assigned', device: 'e' })
    desk.submit('third', DB)
    desk.settle()
    expect(desk.last.get('third')?.state).toBe('pending')
    desk.finish('first')
    desk.settle()
    expect(desk.last.get('third')).toMatchObject({ state: 'assigned', device: 'd' })
  })

  it('counts nothing of a device that was removed', () => {
    const desk = Desk.serving()
    desk.submit('first', DB)
    desk.settle()
    expect(desk.last.get('first')?.device).toBe('d')
    desk.driver.hear('device', { route: 'state', id: 'd', empty: true })
    join(desk.driver, 'd', 1)
    desk.settle()
    expect(desk.last.get('first')).toMatchObject({ state: 'assigned', device: 'd', attempts: 2 })
  })
})
