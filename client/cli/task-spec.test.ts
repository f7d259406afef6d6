import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { nameOf, type RunValues, specOf } from './task-spec.ts'
import { testTerminal } from './testing/terminal.ts'

const { context } = testTerminal()
const runOf = async (values: object, ...operands: string[]) =>
  (await specOf(context, values as RunValues, operands)).run

test('A command, with what is around it', async () => {
  expect(await runOf({ taskEnv: { A: '1' }, cwd: '/tmp' }, 'ls', '-l')).toEqual({
    exec: ['ls', '-l'],
    env: { A: '1' },
    cwd: '/tmp',
  })
})

test('A function has a name and input, and no command', async () => {
  expect(await specOf(context, { function: 'add', input: '[1]' } as RunValues, [])).toEqual({
    run: { function: 'add' },
    input: [1],
  })
  await expect(runOf({ function: 'add' }, 'ls')).rejects.toMatchObject({
    code: 'E_USAGE',
    message: 'with --function there is no command, and "ls" follows',
  })
})

test('Nothing to run is told before a broker is asked for', async () => {
  await expect(runOf({})).rejects.toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('wants a program'),
  })
})

test('An id begins with what is run', () => {
  expect(nameOf({ exec: ['/usr/bin/uname'] })).toBe('uname')
  expect(nameOf({ function: 'add' })).toBe('add')
  expect(nameOf({ container: { image: 'docker.io/library/alpine:3' } })).toBe('alpine:3')
})

test('An image takes the command as its own', async () => {
  expect(await runOf({ image: 'alpine', pull: 'never' }, 'ls')).toEqual({
    container: { image: 'alpine', argv: ['ls'], pull: 'never' },
  })
  expect(await runOf({ image: 'alpine' })).toEqual({ container: { image: 'alpine' } })
  await expect(runOf({ image: 'alpine', function: 'f' })).rejects.toMatchObject({ code: 'E_USAGE' })
  await expect(runOf({ pull: 'never' }, 'ls')).rejects.toMatchObject({ code: 'E_USAGE' })
})

test('A module is a digest, or a file that becomes one', async () => {
  const module = `sha256:${'0'.repeat(64)}`
  expect(await runOf({ wasm: module, taskEnv: { A: '1' } }, '-v')).toEqual({
    wasm: { module, args: ['-v'] },
    env: { A: '1' },
  })
  expect(nameOf({ wasm: { module } }, { wasm: module })).toBe('module')
  expect(nameOf({ wasm: { module } }, { wasm: './tools/count.wasm' })).toBe('count')
  const file = fileURLToPath(new URL('../../LICENSE', import.meta.url))
  const digest = `sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`
  expect(await runOf({ wasm: file })).toEqual({ wasm: { module: digest } })
  const spec = await specOf(context, { artifact: { text: file, other: module } } as unknown as RunValues, [
    'ls',
  ])
  expect(spec.artifacts).toEqual({ text: digest, other: module })
  await expect(runOf({ wasm: './nowhere.wasm' })).rejects.toMatchObject({ code: 'E_USAGE' })
  await expect(runOf({ wasm: module, function: 'f' })).rejects.toMatchObject({
    code: 'E_USAGE',
    message: '--function and --wasm exclude each other',
  })
})

test('What a task is to achieve, how long it runs and where its data lies', async () => {
  const values = {
    taskObjective: 'makespan',
    taskDuration: 90_000,
    taskData: [
      ['cellar', '2Gi'],
      ['roof 1', '64Mi'],
      ['cellar', '1Mi'],
    ],
  }
  expect(await specOf(context, values as unknown as RunValues, ['x'])).toEqual({
    run: { exec: ['x'] },
    objective: 'makespan',
    duration: '90s',
    data: [
      { at: 'cellar', size: '2Gi' },
      { at: 'roof 1', size: '64Mi' },
      { at: 'cellar', size: '1Mi' },
    ],
  })
})
