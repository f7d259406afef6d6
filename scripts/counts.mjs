// Counts tests from the report that vitest's JSON reporter leaves, so that no summary is read by eye.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

/**
 * @param {string} file the report; may be missing when vitest crashed
 * @param {string} root folder that names of test files are shown relative to
 * @returns {{passed: number, failed: number, skipped: string[]} | undefined} `undefined` without a readable report
 */
export function readCounts(file, root) {
  if (!existsSync(file)) return undefined
  let report
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // Half a report is what a crash leaves; the stage counts as failed then.
    return undefined
  }
  const counts = { passed: 0, failed: 0, skipped: [] }
  for (const suite of report.testResults) {
    const failedBefore = counts.failed
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') counts.passed++
      else if (test.status === 'failed') counts.failed++
      else counts.skipped.push(`${relative(root, suite.name)}: ${test.fullName}`)
    }
    // A file that could not be loaded, or a hook that failed, has no failed test of its own.
    if (suite.status === 'failed' && counts.failed === failedBefore) counts.failed++
  }
  return counts
}
