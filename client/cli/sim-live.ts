/** `covey sim live`: a scenario with real connections, the real agents and a real broker, in real time. */
import type { Context } from './context.ts'
import { remark } from './report-error.ts'
import type { SimValues } from './sim.ts'
import { ProgressLine, progressText } from './sim-progress.ts'
import { commandText, dataOf, overridesOf, printReport, seedOf, writeOut } from './sim-run.ts'

/** What cannot be carried out for real is refused before anything starts. */
export async function simLive(
  context: Context,
  values: SimValues,
  operands: readonly string[],
): Promise<number> {
  const name = operands[0] as string
  const { loadScenario } = await import('../../simulations/scenario/library.ts')
  const { override } = await import('../../simulations/scenario/overrides.ts')
  const { checkFeasible, checkMeasurable, notCarriedOut } = await import('../../simulations/live/feasible.ts')
  const { checkBusyTime } = await import('../../simulations/live/busy-time.ts')
  const { runLive } = await import('../../simulations/live/run-live.ts')
  const loaded = loadScenario(name, { cwd: context.cwd, ...dataOf(values) })
  const scenario = override(loaded.scenario, await overridesOf(values))
  const wanted = { scenario, text: loaded.text, name }
  const broker = checkFeasible(wanted, loaded.scenario)
  const seed = seedOf(values)
  if (values.json !== true) context.stdout.write(`seed ${seed}\n`)
  const left = notCarriedOut(scenario)
  if (left.length > 0)
    remark(context, `devices have this machine's own ${left.join(', ')}, not the scenario's`)
  if (values.calibrate !== undefined) {
    checkMeasurable(wanted, loaded.scenario)
    checkBusyTime()
  }
  let measured: string | undefined
  const line = new ProgressLine(context)
  const report = await runLive(scenario, {
    seed,
    command: commandText('live', [name], values, seed),
    broker,
    env: context.env,
    signal: context.interrupted,
    progress: (progress) => line.show(() => progressText(progress, 'real')),
    ...(values.calibrate === undefined
      ? {}
      : {
          calibrated: (calibration) => {
            measured = `${JSON.stringify(calibration, undefined, 2)}\n`
          },
        }),
  })
  line.clear()
  if (measured !== undefined) writeOut(context, values.calibrate as string, measured)
  return await printReport(context, values, report)
}
