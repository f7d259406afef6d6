/** Arrays over real agents: processes that are killed in the middle, and every element accepted once. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { isTerminal, type ResultPage, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import { startBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import { DEVICES, roles, successor } from './mesh/trial.ts'

const ELEMENTS = 1_000
const LIMIT_MS = 150_000

let stage: Stage
let mesh: Mesh

beforeEach(async () => {
  stage = new Stage()
  mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'arrays')
})
afterEach(() => stage.close())

/** Elements that have ended, by the last status. */
function ended(task: string): number {
  const { states = {} } = mesh.observer.statuses(task).at(-1)?.array ?? {}
  return Object.entries(states).reduce(
    (sum, [state, count]) => sum + (isTerminal(state as TaskStatus['state']) ? count : 0),
    0,
  )
}

/** What stands in the pages of an array, each page as it was published last. */
function results(task: string) {
  const pages = new Map<string, ResultPage>()
  const prefix = `tasks/${task}/results/`
  for (const { topic, body } of mesh.observer.sightings) {
    if (topic.startsWith(prefix) && body !== undefined) pages.set(topic, body as ResultPage)
  }
  return [...pages.values()].flatMap((page) => page.results).sort((a, b) => a.element - b.element)
}

it('a thousand elements survive a killed device and a killed coordinator, and each is accepted once', async () => {
  const { observer } = mesh
  await mesh.start(DEVICES)
  const { boss, term, others } = roles(mesh)
  const victim = others[0] ?? ''
  const array = Array.from({ length: ELEMENTS }, (_, n) => ({ n, square: n * n }))
  await mesh.submit('many', {
    run: { exec: ['cat'] },
    array,
    resources: { cpu: '200m', memory: '8Mi' },
    timeout: '1m',
  })
  await observer.until(() => ended('many') > ELEMENTS / 10, 'a part to be done', LIMIT_MS)
  mesh.program(victim).kill('SIGKILL')
  await observer.until(() => ended('many') > ELEMENTS / 3, 'more to be done', LIMIT_MS)
  mesh.program(boss).kill('SIGKILL')
  await successor(mesh, term)
  await Promise.all([mesh.agent(victim), mesh.agent(boss)])
  const status = await observer.ended('many', LIMIT_MS)
  expect(status, `${observer.story()}\n${mesh.said()}`).toMatchObject({
    state: 'succeeded',
    array: { elements: ELEMENTS, reported: ELEMENTS, states: { succeeded: ELEMENTS } },
  })
  const found = results('many')
  expect(found.map(({ element }) => element)).toEqual(array.map(({ n }) => n))
  for (const { element, result } of found) expect(JSON.parse(result?.stdout ?? '')).toEqual(array[element])
  expect(observer.ends('many')).toHaveLength(1)
}, 600_000)

it('one bad element fails alone, knows its index, and the others run', async () => {
  await mesh.start(DEVICES)
  const script = 'test "$COVEY_ELEMENT" != 7 && echo "$COVEY_TASK $COVEY_ELEMENT" && cat'
  await mesh.submit('mixed', shell(script, { array: Array.from({ length: 20 }, (_, n) => n * 10) }))
  const status = await mesh.observer.ended('mixed')
  expect(status).toMatchObject({
    state: 'failed',
    error: { code: 'E_ELEMENTS' },
    array: { states: { succeeded: 19, failed: 1 }, errors: [{ element: 7, error: { code: 'E_EXIT' } }] },
  })
  const found = results('mixed')
  expect(found[7]).toMatchObject({ state: 'failed', result: { exitCode: 1 } })
  expect(found[8]?.result?.stdout).toBe('mixed 8\n80\n')
})
