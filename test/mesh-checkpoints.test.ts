/** A command that counts up goes on counting where it was, on another device, when its own is killed. */
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sameAttempt } from '../shared/protocol/attempt.ts'
import type { TaskStatus } from '../shared/protocol/schemas/index.ts'
import { startBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import { DEVICES, FROZEN_LIMIT_MS, roles } from './mesh/trial.ts'

let stage: Stage
let mesh: Mesh
beforeEach(async () => {
  stage = new Stage()
  mesh = await Mesh.open(stage, await startBroker(stage, 'embedded'), 'checkpoints')
})
afterEach(() => stage.close())

/** Counts from its checkpoint on until it is let go, and tells from where to where. */
const counting = (gate: string) => `
  n=$(cat "$COVEY_CHECKPOINT" 2>/dev/null || echo 0)
  echo "from $n"
  while [ ! -e '${gate}' ]; do
    n=$((n + 1))
    printf %s "$n" > "$COVEY_CHECKPOINT.new" && mv "$COVEY_CHECKPOINT.new" "$COVEY_CHECKPOINT"
    sleep 0.05
  done
  echo "to $n"`

it.each([
  ['its device is killed', false],
  ['its device and the coordinator are killed at once', true],
])('a count goes on where it was when %s', async (_, killsBoss) => {
  await mesh.start(DEVICES)
  const { boss, others } = roles(mesh)
  const { observer } = mesh
  const gate = mesh.file('gate')
  await mesh.submit('count', shell(counting(gate), { where: { device: [...others] } }))
  const first = (await mesh.running(['count'])).get('count') as string
  const last = (): TaskStatus | undefined => observer.statuses('count').at(-1)
  const counted = () => Number(last()?.checkpoint?.value ?? 0)
  await observer.until(() => counted() > 20, 'a checkpoint in the status', FROZEN_LIMIT_MS)
  const known = counted()
  for (const id of killsBoss ? [boss, first] : [first]) mesh.program(id).kill('SIGKILL')
  const moved = () => last()?.state === 'running' && last()?.device !== first
  await observer.until(moved, 'the count to run elsewhere', FROZEN_LIMIT_MS)
  expect(last()).toMatchObject({ checkpoint: expect.anything() })
  const goesOn = () => {
    const { attempt, checkpoint } = last() ?? {}
    return attempt !== undefined && checkpoint !== undefined && sameAttempt(checkpoint.attempt, attempt)
  }
  await observer.until(goesOn, 'a checkpoint of the attempt that runs now', FROZEN_LIMIT_MS)
  expect(counted()).toBeGreaterThan(known)
  writeFileSync(gate, '')
  const [end] = await mesh.expectEndedOnce(['count'], 'succeeded', FROZEN_LIMIT_MS)
  expect(end).not.toHaveProperty('checkpoint')
  const [, from, to] = /^from (\d+)\nto (\d+)\n$/.exec(end?.result?.stdout ?? '') ?? []
  expect(Number(from)).toBeGreaterThanOrEqual(known)
  expect(Number(to)).toBeGreaterThan(Number(from))
  const placed = observer.events('placed').map(({ message }) => message)
  expect(placed.at(-1)).toContain('continues from a checkpoint of attempt')
})
