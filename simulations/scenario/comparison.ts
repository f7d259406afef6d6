/** Two runs of one scenario with different settings, figure by figure. */
import type { SimReport } from '../report/model.ts'
import { FIGURES, showFigure } from './expect.ts'

export interface ComparedFigure {
  readonly figure: string
  readonly a: string
  readonly b: string
  /** Of b in relation to a, like `+12.5%`; empty where that makes no sense. */
  readonly change: string
}

const NONE = '–'

/** The figures that were measured in one of the two at least. */
export function compareReports(a: SimReport, b: SimReport): ComparedFigure[] {
  return Object.keys(FIGURES).flatMap((figure) => {
    const of = FIGURES[figure]?.of
    const [first, second] = [of?.(a) ?? null, of?.(b) ?? null]
    if (first === null && second === null) return []
    const change =
      first === null || second === null || first === second
        ? ''
        : first === 0
          ? 'new'
          : `${second > first ? '+' : ''}${((100 * (second - first)) / first).toFixed(1)}%`
    const show = (value: number | null): string => (value === null ? NONE : showFigure(figure, value))
    return [{ figure, a: show(first), b: show(second), change }]
  })
}
