/** Text from elsewhere, made fit for a terminal: harmless, and of a known width. */

/** Without control characters, which could move the cursor or recolour what follows. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be found
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}

/** Cut to so many characters, the last one then being "…". */
export function clip(text: string, charsMax: number): string {
  const chars = [...text]
  return chars.length <= charsMax ? text : `${chars.slice(0, Math.max(0, charsMax - 1)).join('')}…`
}

/** Broken into lines at spaces; longer words stay whole. */
export function wrap(text: string, charsMax: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > charsMax) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return line === '' ? lines : [...lines, line]
}
