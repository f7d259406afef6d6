import { expect, test } from 'vitest'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Device } from '../device.ts'
import { statusOf } from '../testing/mesh.ts'
import { DEVICE_COLUMNS, LOAD_COLUMNS, TASK_COLUMNS } from './columns.ts'
import { formatTable } from './table.ts'
import { testTerminal } from './testing/terminal.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour is what is to be taken out
const plain = (text: string) => text.replace(/\u001b\[\d+m/g, '')
const long = '12 of 40 devices lack arch=arm64; 28 have too little memory; 14Mi more on pi-7 would do'

const tasks = [
  statusOf('uname-x7k2m4p9q3ab', 'succeeded', { device: 'raspberry-pi-in-the-attic', attempts: 1 }),
  statusOf('a'.repeat(64), 'pending', { explanation: long }),
  statusOf('evil', 'failed', { error: { code: 'E_EXIT', message: 'line\n\u001b[31mred\u0007' } }),
] as unknown as TaskStatus[]

const device: Device = {
  id: 'raspberry-pi-in-the-attic',
  state: {
    incarnation: 1,
    nonce: 'n',
    online: true,
    labels: { arch: 'arm64', os: 'linux', room: 'attic', hostname: 'raspberry-pi-in-the-attic.example' },
    capacity: { cpu: '3500m', memory: '3.8Gi' },
    executors: ['exec'],
    candidate: 'auto',
    version: '0.1.0',
  },
}

test.each([80, 100, 60])('Tables fit a terminal of %i columns, whatever is in them', (columns) => {
  const { context } = testTerminal({ columns })
  for (const text of [
    formatTable(context, TASK_COLUMNS, tasks),
    formatTable(context, DEVICE_COLUMNS, [device, { id: 'ghost' }]),
    formatTable(context, LOAD_COLUMNS, [device]),
  ]) {
    for (const line of plain(text).trimEnd().split('\n'))
      expect([...line].length, line).toBeLessThanOrEqual(columns)
  }
})

test('A terminal that does not know its width is taken for one of 80 columns', () => {
  const known = formatTable(testTerminal({ columns: 80 }).context, TASK_COLUMNS, tasks)
  expect(formatTable(testTerminal({ columns: 0 }).context, TASK_COLUMNS, tasks)).toBe(known)
})

test('A row is one line and cannot move the cursor', () => {
  const { context } = testTerminal()
  const text = formatTable(context, TASK_COLUMNS, tasks)
  expect(text.trimEnd().split('\n')).toHaveLength(4)
  expect(text).not.toContain('\u001b')
  expect(text).toContain('E_EXIT: line [31mred')
})

test('A pipe gets everything uncut and uncoloured, a terminal colour unless NO_COLOR is set', () => {
  expect(formatTable(testTerminal().context, TASK_COLUMNS, tasks)).toContain(long)
  expect(formatTable(testTerminal({ columns: 80 }).context, TASK_COLUMNS, tasks)).toContain('\u001b[')
  const { context } = testTerminal({ columns: 80, env: { NO_COLOR: '1' } })
  expect(formatTable(context, TASK_COLUMNS, tasks)).not.toContain('\u001b')
})
