/** `covey demo`: shows what Covey promises on processes of this machine, and fails when it does not hold. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runDemo } from '../demo/demo.ts'
import { TARGETS } from '../demo/disturbance.ts'
import { MEASURES_OWN_LOAD } from '../demo/mesh.ts'
import { reportText } from '../demo/report.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import type { Values } from './options.ts'

/** The project's own sources, seen from dist/client/cli. */
const OWN_FOLDER = fileURLToPath(new URL('../../..', import.meta.url))

/** Exit code 0 only if every task ended exactly once with the right result although devices and the broker were killed. */
export async function run(context: Context, values: Values<OptionsOf<'demo'>>): Promise<number> {
  const { stdout, env, cwd, interrupted } = context
  const report = await runDemo({
    folder: values.folder === undefined ? OWN_FOLDER : resolve(cwd, values.folder),
    filesMax: values.files,
    spike: values.kill === 'all' && MEASURES_OWN_LOAD,
    targets: values.kill === 'all' ? TARGETS : [values.kill],
    timeoutMs: values.demoTimeout,
    env,
    signal: interrupted,
    screen: values.json === true ? undefined : stdout,
  })
  stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : reportText(report))
  return report.ok ? 0 : EXIT_FAILURE
}
