/** What is said of settings that the coordinator does not take. */
import type { Beacon } from '../../shared/protocol/schemas/index.ts'
import { printable } from './text-width.ts'

const GOES_BY = { earlier: 'those before', defaults: 'the defaults' } as const

/** What the coordinator goes by instead, in words; nothing while it takes the settings. */
export function goesByInstead({ configRefused }: Beacon): string | undefined {
  return configRefused === undefined ? undefined : GOES_BY[configRefused.goesBy]
}

/** Rows of a name and a value; none while the settings are taken. */
export function refusedSettings({ configRefused }: Beacon): [name: string, value: string][] {
  if (configRefused === undefined) return []
  const { error, goesBy } = configRefused
  const at = error.path === undefined || error.path === '' ? '' : ` (at ${error.path})`
  const why = `refused, so it goes by ${GOES_BY[goesBy]}: ${error.code}: ${error.message}${at}`
  return [
    ['Settings', printable(why)],
    ['Remedy', printable(error.remedy ?? 'Correct them with covey config')],
  ]
}
