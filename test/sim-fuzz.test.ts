/** The fuzzer as a user starts it: worker processes, and an end by Ctrl-C that leaves none of them. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { root } from './house-rules/project.ts'

const CLI = join(root, 'dist/client/cli/main.js')

it('fuzzes in several processes until Ctrl-C, tells what was found so far, and leaves no process', async () => {
  const words = ['sim', 'fuzz', '--seed', 'here', '--devices', '3', '--duration', '10s', '--jobs', '2']
  const fuzzer = spawn(process.execPath, [CLI, ...words, '--minutes', '5'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  fuzzer.stdout.on('data', (chunk) => {
    out += chunk
  })
  fuzzer.stderr.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<number | null>((resolve) => fuzzer.once('close', resolve))
  try {
    await vi.waitFor(() => expect(err).toMatch(/\d+ cases, \d+ faults, 0 failed/), { timeout: 60_000 })
    fuzzer.kill('SIGINT')
    // The pipes close when the last process that holds them has ended, so no worker is left.
    expect(await ended).toBe(130)
  } finally {
    fuzzer.kill('SIGKILL')
  }
  const lines = out.trimEnd().split('\n')
  expect(lines[0]).toBe('seed here')
  expect(lines[1]).toMatch(/^each case: 3 devices, 10 tasks and 20 faults in 10s/)
  expect(out).toMatch(/ended early: [1-9]\d* cases in /)
  expect(lines.at(-1)).toBe('no violation')
})
