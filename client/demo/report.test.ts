import { expect, test } from 'vitest'
import { type Report, reportText } from './report.ts'

const REPORT: Report = {
  ok: true,
  problems: [],
  ...{ tasks: 400, receipts: 400, right: 400, lost: 0, endedTwice: 0, failed: 0, wrong: 0 },
  ...{ attempts: 404, attemptsLost: 4, rerouted: 3, duplicates: 1 },
  folder: '/somewhere',
  files: 200,
  filesLeftOut: 100,
  workMs: 118_040,
  killed: {
    ...{ device: 'attic', wasCoordinator: true, atMs: 101_880, runningChecksums: 2, runningWords: 2 },
    ...{ rerouteMs: 1_112, failoverMs: 31, coordinator: 'cellar', backMs: 24_570 },
  },
  devices: [
    { id: 'attic', tasks: 104, peak: 4 },
    { id: 'cellar', tasks: 296, peak: 4 },
  ],
}

test('The report fits 80 columns and loses nothing for it', () => {
  const text = reportText(REPORT)
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThan(80)
  expect(text).toContain('attic            104  4   coordinator, killed at 101.9 s, back 24.6 s later')
  expect(text).toMatch(/reroute +1\.11 s/)
  expect(text).toMatch(/failover +0\.03 s .*cellar/)
  expect(text).toContain('nothing was lost')
})

test('A report with problems names them and praises nothing', () => {
  const text = reportText({ ...REPORT, ok: false, problems: ['wrong result: 1: words-0 (a.txt)'] })
  expect(text).toContain('This is wrong:\n  - wrong result: 1: words-0 (a.txt)\n')
  expect(text).not.toContain('nothing was lost')
})
