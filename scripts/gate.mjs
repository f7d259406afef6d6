// The one command that checks everything: `npm test`.
//
// All checks of the text run, whatever fails; tests that start programs run only against a fresh build. Closes with
// the line `N passed, N failed, N skipped` over all tests, where a stage that failed without counting a test adds one
// failure. With COVEY_REQUIRE=all a skipped test is a failure too.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCounts } from './counts.mjs'
import { root, runNode } from './stage.mjs'

const STAGE_LIMIT_MS = 1_800_000
const skipsFail = process.env.COVEY_REQUIRE === 'all'
const reports = mkdtempSync(join(tmpdir(), 'covey-gate-'))

const tsc = 'node_modules/typescript/bin/tsc'
const tests = (project) => ({
  name: project,
  report: join(reports, `${project}.json`),
  argv: [
    'node_modules/vitest/vitest.mjs',
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${join(reports, `${project}.json`)}`,
  ],
})

const STAGES = [
  // First, so that no later stage ever runs a file that is older than its source.
  { name: 'build', argv: ['scripts/build.mjs'] },
  {
    name: 'format and lint',
    argv: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '--error-on-warnings', '.'],
  },
  { name: 'types', argv: [tsc, '-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'] },
  { name: 'types of the cores', argv: [tsc, '-p', 'tsconfig.cores.json', '--noEmit', '--pretty', 'false'] },
  { ...tests('house'), name: 'house rules' },
  { ...tests('unit'), needsBuild: true },
  { ...tests('simulation'), needsBuild: true },
  { ...tests('integration'), needsBuild: true },
]

const total = { passed: 0, failed: 0, skipped: [] }
const notices = []
const summaries = []
let built = false

for (const stage of STAGES) {
  if (stage.needsBuild === true && !built) {
    console.log(`--    ${stage.name}: not run, the build failed`)
    continue
  }
  if (process.stdout.isTTY) process.stdout.write(`...   ${stage.name}\r`)
  const result = await runNode(stage.argv, STAGE_LIMIT_MS)
  if (stage.name === 'build') built = result.ok
  const ok = count(stage, result)
  const seconds = (result.ms / 1000).toFixed(1).padStart(6)
  console.log(
    `${ok ? 'ok   ' : 'FAIL '} ${stage.name.padEnd(18)}${seconds} s${ok ? '' : `  ${result.reason}`}`,
  )
  if (!ok) console.log(`${result.output.trimEnd()}\n`)
}
rmSync(reports, { recursive: true, force: true })
close()

/** Adds a stage's tests to the total. True when the stage is good. */
function count(stage, result) {
  const counts = stage.report === undefined ? undefined : readCounts(stage.report, root)
  if (counts === undefined) {
    const ok = result.ok && stage.report === undefined
    if (!ok) total.failed++
    if (result.ok && !ok) result.reason = 'it left no report of its tests'
    return ok
  }
  const failed = counts.failed + (skipsFail ? counts.skipped.length : 0)
  total.passed += counts.passed
  // Vitest also fails for errors outside of any test, or when it found none.
  total.failed += failed > 0 || result.ok ? failed : 1
  total.skipped.push(...counts.skipped)
  if (skipsFail && counts.skipped.length > 0 && result.ok)
    result.reason = 'COVEY_REQUIRE=all, and tests were skipped'
  const lines = result.output.split('\n')
  for (const line of lines) if (line.startsWith('requires: ') && !notices.includes(line)) notices.push(line)
  const summary = lines.filter((line) => /^\s*(Test Files|Tests)\s{2,}\d/.test(line))
  summaries.push(`${stage.name}:`, ...summary)
  return result.ok && failed === 0
}

function close() {
  console.log('')
  for (const line of notices) console.log(line)
  for (const name of total.skipped) console.log(`skipped: ${name}`)
  for (const line of summaries) console.log(line)
  const skipped = skipsFail ? 0 : total.skipped.length
  console.log(`${total.passed} passed, ${total.failed} failed, ${skipped} skipped`)
  process.exitCode = total.failed > 0 ? 1 : 0
}
