/** Renders docs/errors.md from the table of error codes. */
import { ERRORS, type ErrorEntry } from '../errors/table.ts'
import { cell } from './schema-table.ts'

/** The whole page, one row a code in the order of the table. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS as Readonly<Record<string, ErrorEntry>>).map(
    ([code, entry]) =>
      `| \`${code}\` | ${cell(entry.about)} | ${cell(entry.remedy)} | ${entry.retry ? 'yes' : 'no'} |`,
  )
  return `${[
    '<!-- Written by `npm run docs` from shared/errors/table.ts; change that. -->',
    '',
    '# Errors',
    '',
    'Every error, rejection and failed result carries one of these codes. A code never changes its meaning, so programs',
    'compare codes; messages and remedies are for people and may become more exact. *Retry* says whether sending the same',
    'thing again, unchanged, may succeed.',
    '',
    '| code | about | remedy | retry |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')}\n`
}
