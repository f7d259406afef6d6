/** A coordinator with one device, whose broker acknowledges when it is told to. */
import type { TaskSpec, TaskStatus } from '../../../shared/protocol/schemas/index.ts'
import { Driver, SPEC } from './driver.ts'
import { elect, inboxes, join, serve } from './office.ts'

/** A small task that is after these. */
export const behind = (...ids: string[]): TaskSpec => ({
  ...SPEC,
  resources: { cpu: '10m', memory: '1Mi' },
  after: ids,
})

export class Desk {
  readonly driver = new Driver('auto')
  readonly last = new Map<string, TaskStatus>()
  readonly unacked: number[] = []
  #seq = 0

  static serving(): Desk {
    const desk = new Desk()
    serve(desk.driver)
    join(desk.driver, 'd')
    return desk
  }

  /** Takes office with what the broker has, in the order in which it tells it. */
  static restored(retained: readonly Parameters<Driver['hear']>[1][]): Desk {
    const desk = new Desk()
    const beacon = elect(desk.driver)
    for (const message of retained) desk.driver.hear('device', message, true)
    desk.driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
    desk.driver.pass(1_000)
    desk.driver.timer('coordinator/settle')
    join(desk.driver, 'd')
    return desk.settle()
  }

  submit(id: string, spec: unknown): void {
    this.driver.hear('device', { route: 'spec', id, body: spec })
  }

  /** Lets everything that is due happen, and takes in what is published; the broker does not answer yet. */
  turn(): void {
    this.driver.timer('coordinator/run')
    this.driver.timer('coordinator/status')
    for (const { message, token } of this.driver.take('publish')) {
      if (message.route === 'status' && message.body !== null) {
        this.last.set(message.body.task, message.body)
        if (token !== undefined) this.unacked.push(token)
      } else this.driver.effects.push({ do: 'publish', link: 'seat', message })
    }
  }

  /** The broker acknowledges, and so on, until nothing is left to say. */
  settle(): this {
    this.turn()
    while (this.unacked.length > 0) {
      for (const token of this.unacked.splice(0)) this.driver.give({ in: 'acked', link: 'seat', token })
      this.turn()
    }
    return this
  }

  /** What was sent to the device since the last call. */
  sent(): string[] {
    return inboxes(this.driver).flatMap(({ assign }) => assign.map(({ task }) => task))
  }

  finish(task: string, outcome = 'succeeded'): void {
    const attempt = this.last.get(task)?.attempt
    const head = {
      incarnation: 1,
      nonce: 'd-1',
      highestTerm: { term: 1, agent: 'pi' },
      inboxSeq: ++this.#seq,
    }
    const error = outcome === 'succeeded' ? {} : { error: { code: 'E_EXIT', message: 'exit code 3' } }
    const result = { exitCode: outcome === 'succeeded' ? 0 : 3, stdout: `out of ${task}` }
    const results = [{ attempt, task, outcome, result, ...error }]
    this.driver.hear('seat', { route: 'report', id: 'd', body: { ...head, held: [], rejected: [], results } })
  }

  why(id: string): string {
    const status = this.last.get(id)
    return `${status?.state}: ${status?.explanation}`
  }

  code(id: string): string | undefined {
    return this.last.get(id)?.error?.code
  }

  /** Statuses and specs that were cleared since the last call. */
  cleared(route: 'status' | 'spec'): string[] {
    return this.driver
      .take('publish')
      .filter(({ message }) => message.route === route && message.body === null)
      .map(({ message }) => message.topic.split('/').at(-2) as string)
  }

  due(afterMs: number): void {
    this.driver.pass(afterMs)
    this.driver.timer('coordinator/due')
  }
}
