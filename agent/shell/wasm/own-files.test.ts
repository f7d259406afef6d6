import { expect, test } from 'vitest'
import { boundFiles, type Calls } from './own-files.ts'

const NOSPC = 51
const BADF = 8

/** Calls that succeed, or give `errno`, and what came through to them. */
function setting(bytesMax: number, errno = 0) {
  const came: string[] = []
  const names = [
    'fd_write',
    'fd_pwrite',
    'fd_allocate',
    'path_open',
    'path_create_directory',
    'path_symlink',
    'fd_read',
    'fd_close',
    'fd_renumber',
  ]
  const calls = Object.fromEntries(
    names.map((name) => [
      name,
      () => {
        came.push(name)
        return errno
      },
    ]),
  ) as Calls
  const memory = new ArrayBuffer(64)
  // Two parts, of 6 and 4 bytes.
  new DataView(memory).setUint32(4, 6, true)
  new DataView(memory).setUint32(12, 4, true)
  const bounded = boundFiles(calls, bytesMax, () => memory) as Record<string, (...args: unknown[]) => number>
  const call = (name: string, ...args: unknown[]) => bounded[name]?.(...args)
  return { came, call }
}

test('Writing counts by what is written, and ends at the bound', () => {
  const { came, call } = setting(25)
  expect(call('fd_write', 4, 0, 2, 32)).toBe(0)
  expect(call('fd_pwrite', 4, 0, 2, 1000n, 32)).toBe(0)
  expect(call('fd_write', 4, 0, 2, 32)).toBe(NOSPC)
  expect(call('fd_write', 4, 0, 0, 32)).toBe(0)
  expect(came).toEqual(['fd_write', 'fd_pwrite', 'fd_write'])
})

test('The standard streams are bounded elsewhere', () => {
  const { call } = setting(0)
  expect(call('fd_write', 1, 0, 2, 32)).toBe(0)
  expect(call('fd_write', 2, 0, 2, 32)).toBe(0)
})

test('No file takes the number of a standard stream', () => {
  const { came, call } = setting(0)
  for (const fd of [0, 1, 2]) expect(call('fd_close', fd)).toBe(BADF)
  expect(call('fd_renumber', 4, 1)).toBe(BADF)
  expect(call('fd_renumber', 1, 4)).toBe(BADF)
  expect(came).toEqual([])
  expect(call('fd_renumber', 4, 5)).toBe(0)
  expect(call('fd_close', 4)).toBe(0)
})

test('Files and folders count too, reading and opening what is there does not', () => {
  const { call } = setting(2_048)
  const CREATE = 1
  for (let i = 0; i < 10; i++) expect(call('path_open', 3, 0, 0, 1, 0)).toBe(0)
  expect(call('fd_read', 3, 0, 2, 32)).toBe(0)
  expect(call('path_open', 3, 0, 0, 1, CREATE)).toBe(0)
  expect(call('path_create_directory', 3, 0, 1)).toBe(0)
  expect(call('path_symlink', 0, 1, 3, 0, 1)).toBe(NOSPC)
  expect(call('fd_allocate', 4, 0n, 10n ** 18n)).toBe(NOSPC)
})

test('What fails by itself costs nothing', () => {
  const { call } = setting(10, BADF)
  for (let i = 0; i < 3; i++) expect(call('fd_write', 9, 0, 2, 32)).toBe(BADF)
})
