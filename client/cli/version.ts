/** `covey version`. */
import { readFileSync } from 'node:fs'
import { PROTOCOL_VERSION } from '../../shared/protocol/topics.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import type { Values } from './options.ts'

/** The version in package.json, which stands above both the sources and the compiled files. */
export function packageVersion(): string {
  for (const above of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(above, import.meta.url), 'utf8')) as Record<
        string,
        string
      >
      if (name === 'covey' && version !== undefined) return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error('package.json of covey was not found')
}

/** Prints the version of the program and of the protocol. */
export async function run(context: Context, values: Values<OptionsOf<'version'>>): Promise<number> {
  const version = packageVersion()
  if (values.json === true)
    context.stdout.write(
      `${JSON.stringify({ version, protocol: PROTOCOL_VERSION, node: process.version })}\n`,
    )
  else context.stdout.write(`covey ${version} (protocol ${PROTOCOL_VERSION}, Node ${process.version})\n`)
  return 0
}
