/** What is said of settings that the coordinator does not take. */
import type { Beacon } from '../../shared/protocol/schemas/index.ts'
import { printable } from './text-width.ts'

const GOES_BY = { earlier: 'those before', defaults: 'the defaults' } as const

/** Rows of a name and a value; none while the settings are taken. */
export function refusedSettings({ configRefused }: Beacon): [name: string, value: string][] {
  if (configRefused === undefined) return []
  const { error, goesBy } = configRefused
  const at = error.path === undefined || error.path === '' ? '' : ` (at ${error.path})`
  const why = `refused, so it goes by ${GOES_BY[goesBy]}: ${error.code}: ${error.message}${at}`
  return [
    ['Settings', printable(why)],
    ['Remedy', printable(error.remedy ?? 'Correct what is retained on the topic config')],
  ]
}
