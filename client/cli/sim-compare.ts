/** `covey sim compare`: one scenario and seed with two settings, figure by figure. */
import type { SimReport } from '../../simulations/report/model.ts'
import type { Overrides } from '../../simulations/scenario/overrides.ts'
import type { RunOptions } from '../../simulations/scenario/run.ts'
import type { Scenario } from '../../simulations/scenario/scenario.ts'
import { type Context, interruptionOf } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import type { SimValues } from './sim.ts'
import { ProgressLine, progressText } from './sim-progress.ts'
import { calibrationOf, commandText, dataOf, isGood, overridesOf, seedOf } from './sim-run.ts'
import { formatTable } from './table.ts'

/** Exit code 0 only if both runs meet their expectations and break no invariant. */
export async function simCompare(
  context: Context,
  values: SimValues,
  operands: readonly string[],
): Promise<number> {
  const [name, a, b] = operands as readonly [string, string, string]
  const { loadScenario } = await import('../../simulations/scenario/library.ts')
  const { override, readSettings } = await import('../../simulations/scenario/overrides.ts')
  const { compareReports } = await import('../../simulations/scenario/comparison.ts')
  const { scenario } = loadScenario(name, { cwd: context.cwd, ...dataOf(values) })
  const both = await overridesOf(values)
  const scenarios = [a, b].map((text) => override(scenario, merge(both, readSettings(text))))
  const machine = await calibrationOf(context, values)
  const seed = seedOf(values)
  if (values.json !== true) context.stdout.write(`seed ${seed}\n`)
  const reports: SimReport[] = []
  for (const [n, changed] of scenarios.entries()) {
    const label = n === 0 ? `A ${a}` : `B ${b}`
    reports.push(
      await runOne(context, changed, label, {
        seed,
        command: commandText('compare', operands, values, seed),
        ...machine,
      }),
    )
    // Half a run beside a whole one, or beside none, would say nothing.
    const interruption = interruptionOf(context)
    if (interruption !== undefined) {
      context.stderr.write(`interrupted during ${label}; nothing to compare\n`)
      return interruption.exitCode
    }
  }
  const [first, second] = reports as [SimReport, SimReport]
  const rows = compareReports(first, second)
  if (values.json === true)
    context.stdout.write(`${JSON.stringify({ a: first, b: second, figures: rows })}\n`)
  else {
    type Row = (typeof rows)[number]
    const columns = [
      { title: 'FIGURE', text: (row: Row) => row.figure },
      { title: `A ${a}`, text: (row: Row) => row.a },
      { title: `B ${b}`, text: (row: Row) => row.b },
      { title: 'CHANGE', text: (row: Row) => row.change },
    ]
    context.stdout.write(formatTable(context, columns, rows))
    for (const [n, report] of reports.entries()) {
      const unmet = report.expectations
        .filter(({ met }) => !met)
        .map(({ text, value }) => `${text} (${value})`)
      const broken = report.violations.length
      const verdict = isGood(report) ? 'all expectations met' : [...unmet, `${broken} violations`].join(', ')
      context.stdout.write(`${n === 0 ? 'A' : 'B'}: ${verdict}\n`)
    }
    context.stdout.write(`${first.command}\n`)
  }
  return isGood(first) && isGood(second) ? 0 : EXIT_FAILURE
}

function merge(both: Overrides, own: Overrides): Overrides {
  return { ...both, ...own, timing: { ...both.timing, ...own.timing } }
}

async function runOne(
  context: Context,
  scenario: Scenario,
  label: string,
  options: RunOptions,
): Promise<SimReport> {
  const { runScenario } = await import('../../simulations/scenario/run.ts')
  const line = new ProgressLine(context)
  const report = await runScenario(scenario, {
    ...options,
    signal: context.interrupted,
    progress: (progress) => line.show(() => `${label}, ${progressText(progress)}`),
  })
  line.clear()
  return report
}
