/** Rows in columns. On a terminal they fit its width: the last column gives way first, then the widest. */
import type { Context } from './context.ts'
import { type Paint, paint } from './paint.ts'
import { clip, printable } from './text-width.ts'

const GAP = '  '
const COLUMN_CHARS_MIN = 6

export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  readonly colour?: (row: Row) => Paint | undefined
}

/** The widths of columns that hold these rows, and fit into `columnsMax` if there is such a limit. */
export function fitWidths<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  columnsMax: number | undefined,
): number[] {
  const widths = columns.map(({ title, text }) =>
    rows.reduce((width, row) => Math.max(width, [...printable(text(row))].length), title.length),
  )
  if (columnsMax === undefined) return widths
  const last = widths.length - 1
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * last - columnsMax
  while (excess > 0) {
    const widest =
      (widths[last] as number) > 3 * COLUMN_CHARS_MIN ? last : widths.indexOf(Math.max(...widths))
    const width = widths[widest] as number
    if (width <= COLUMN_CHARS_MIN) break
    // Takes at once what can be taken before another column's turn comes.
    const cut = widest === last ? Math.min(excess, Math.max(1, width - 3 * COLUMN_CHARS_MIN)) : 1
    widths[widest] = width - cut
    excess -= cut
  }
  return widths
}

/** One line of the table, without trailing spaces. */
export function formatRow<Row>(
  context: Context,
  columns: readonly Column<Row>[],
  widths: readonly number[],
  row: Row,
): string {
  const cells = columns.map(({ text, colour }, i) => {
    const width = widths[i] as number
    const shown = clip(printable(text(row)), width)
    const padded =
      i === columns.length - 1 ? shown : shown + ' '.repeat(Math.max(0, width - [...shown].length))
    const paintAs = colour?.(row)
    return paintAs === undefined ? padded : paint(context, context.stdout, paintAs, padded)
  })
  return cells.join(GAP).trimEnd()
}

/** The head line. */
export function formatHead<Row>(
  context: Context,
  columns: readonly Column<Row>[],
  widths: readonly number[],
): string {
  const cells = columns.map(({ title }, i) => clip(title, widths[i] as number).padEnd(widths[i] as number))
  return paint(context, context.stdout, 'bold', cells.join(GAP).trimEnd())
}

/** How wide a table may be: the terminal's width, or without limit where no person reads along. */
export function columnsMaxOf(context: Context): number | undefined {
  // A terminal that does not know its width says 0.
  return context.stdout.isTTY === true ? context.stdout.columns || 80 : undefined
}

/** Head and rows as one text that ends in a line break. */
export function formatTable<Row>(
  context: Context,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): string {
  const widths = fitWidths(columns, rows, columnsMaxOf(context))
  const lines = [
    formatHead(context, columns, widths),
    ...rows.map((row) => formatRow(context, columns, widths, row)),
  ]
  return `${lines.join('\n')}\n`
}
