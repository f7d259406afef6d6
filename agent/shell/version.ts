/** The agent's version, as it stands in the device's state. */
import { readFileSync } from 'node:fs'

const UNKNOWN = '0.0.0'
let known: string | undefined

/** The version in package.json, which stands above both the sources and the compiled files. */
export function agentVersion(): string {
  known ??= ['../../package.json', '../../../package.json']
    .map(readVersion)
    .find((version) => version !== undefined)
  return known ?? UNKNOWN
}

function readVersion(above: string): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(new URL(above, import.meta.url), 'utf8')) as Record<
      string,
      unknown
    >
    return name === 'covey' && typeof version === 'string' ? version : undefined
  } catch {
    // Not there: the sources and the compiled files stand at different depths.
    return undefined
  }
}
