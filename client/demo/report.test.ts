import { expect, test } from 'vitest'
import { type Report, reportText } from './report.ts'

const REPORT: Report = {
  ok: true,
  problems: [],
  ...{ tasks: 2_110, elements: 2_000, receipts: 2_110, right: 4_051, lost: 0, acceptedTwice: 0 },
  ...{ failed: 0, wrong: 0, attempts: 4_104, attemptsCut: 1_004, rerouted: 3, moved: 1 },
  executedTwice: 4,
  ...{ overlaps: 0, early: 0 },
  folder: '/somewhere',
  files: 2_000,
  filesLeftOut: 90_100,
  workMs: 118_040,
  loaded: {
    ...{ device: 'porch', atMs: 1_200, moved: 'survey-1', to: 'attic', moveMs: 4_321 },
    message: 'moved off porch, whose memory has been at 97 % for 2 s',
  },
  killed: [
    { target: 'worker', device: 'garage', atMs: 8_000, running: 3, rerouted: 0 },
    {
      ...{ target: 'coordinator', device: 'attic', atMs: 101_880, running: 4, rerouted: 4 },
      ...{ rerouteMs: 11_112, failoverMs: 31, coordinator: 'cellar', backMs: 24_570 },
    },
    {
      target: 'broker',
      atMs: 105_880,
      running: 14,
      rerouted: 0,
      failoverMs: 15_010,
      coordinator: 'kitchen',
      backMs: 12_570,
    },
  ],
  devices: [
    { id: 'attic', pieces: 104, peak: 4 },
    { id: 'cellar', pieces: 3_947, peak: 4 },
  ],
}

test('The report fits 80 columns and loses nothing for it', () => {
  const text = reportText(REPORT)
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThan(79)
  expect(text).toContain('porch            1.20 s  survey-1 to attic after 4.32 s\n')
  expect(text).toContain('garage           8.00 s  3        not back\n')
  expect(text).toContain('attic           101.9 s  4        4, first after 11.1 s; back 24.6 s\n')
  expect(text).toContain('broker          105.9 s  14       back 12.6 s; kitchen leads 15.0 s\n')
  expect(text).toMatch(/\n {2}executed twice +4 /)
  expect(text).toMatch(/\n {2}failover +0\.03 s .*cellar\n/)
  expect(text).toContain('nothing was lost')
})

test('A report with problems names them and praises nothing', () => {
  const text = reportText({ ...REPORT, ok: false, problems: ['wrong result: 1: words-0 (a.txt)'] })
  expect(text).toContain('This is wrong:\n  - wrong result: 1: words-0 (a.txt)\n')
  expect(text).not.toContain('nothing was lost')
})
