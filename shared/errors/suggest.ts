/** "Did you mean": the known word nearest to a mistyped one. */

/** The nearest of `known` within two edits (one for short words), or one that begins like it. */
export function nearest(typed: string, known: Iterable<string>): string | undefined {
  const editsMax = typed.length <= 3 ? 1 : 2
  let best: string | undefined
  let bestEdits = editsMax + 1
  for (const word of known) {
    const edits = distance(typed.toLowerCase(), word)
    if (edits < bestEdits) {
      best = word
      bestEdits = edits
    }
  }
  if (best !== undefined || typed.length < 3) return best
  for (const word of known) if (word.startsWith(typed)) return word
  return undefined
}

/** A remedy's beginning: `Did you mean "--port"? `, or nothing. */
export function didYouMean(typed: string, known: Iterable<string>, dashes = ''): string {
  const word = nearest(typed, known)
  return word === undefined ? '' : `Did you mean "${dashes}${word}"? `
}

/** Edit distance in which swapping two neighbours is one edit (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, (before[j - 2] as number) + 1)
      }
      row.push(edits)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}
