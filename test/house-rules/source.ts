/**
 * Reads TypeScript just well enough to tell code from comments and strings. What is blanked becomes spaces, so that
 * line numbers stay what they were.
 */
export interface Masked {
  /** The text without comments. */
  readonly uncommented: string
  /** The text without comments, and without what stands in strings, templates and regular expressions. */
  readonly code: string
}

type Kind = 'code' | 'comment' | 'string'

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))$/

export function mask(text: string): Masked {
  const kinds: Kind[] = new Array(text.length).fill('code')
  /** Open braces in each `${` that is being read, the innermost last. */
  const depths: number[] = []
  let before = ''
  let at = 0
  const take = (end: number, kind: Kind) => {
    kinds.fill(kind, at, end)
    if (kind === 'string') before = '"'
    else if (kind === 'code') before = `${before}${text.slice(at, end)}`.replace(/\s+$/, ' ').slice(-12)
    at = end
  }
  const template = () => {
    const end = endOfTemplate(text, at)
    if (text[end - 1] === '{') depths.push(0)
    take(end, 'string')
    if (text[end - 1] === '{') before = '{'
  }
  while (at < text.length) {
    const char = text[at] as string
    const two = text.slice(at, at + 2)
    const depth = depths.at(-1)
    if (two === '//' || (at === 0 && two === '#!')) take(lineEnd(text, at), 'comment')
    else if (two === '/*') take(after(text, '*/', at + 2), 'comment')
    else if (char === "'" || char === '"') take(endOfQuoted(text, at, char), 'string')
    else if (char === '`') {
      kinds[at] = 'string'
      at++
      template()
    } else if (char === '}' && depth === 0) {
      depths.pop()
      kinds[at] = 'string'
      at++
      template()
    } else if (char === '/' && BEFORE_REGEX.test(before.trimEnd())) take(endOfRegex(text, at), 'string')
    else {
      if (depth !== undefined && char === '{') depths[depths.length - 1] = depth + 1
      if (depth !== undefined && char === '}') depths[depths.length - 1] = depth - 1
      take(at + 1, 'code')
    }
  }
  return {
    uncommented: blank(text, (index) => kinds[index] !== 'comment'),
    code: blank(text, (index) => kinds[index] === 'code'),
  }
}

function blank(text: string, keep: (index: number) => boolean): string {
  let result = ''
  for (let i = 0; i < text.length; i++) result += keep(i) || text[i] === '\n' ? text[i] : ' '
  return result
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found + mark.length
}

function lineEnd(text: string, from: number): number {
  const found = text.indexOf('\n', from)
  return found < 0 ? text.length : found
}

function endOfQuoted(text: string, from: number, quote: string): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === quote || text[i] === '\n') return i + 1
  }
  return text.length
}

/** To behind the closing backtick, or behind the `${` that begins code. */
function endOfTemplate(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return i + 1
    else if (text[i] === '$' && text[i + 1] === '{') return i + 2
  }
  return text.length
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  for (let i = from + 1; i < text.length; i++) {
    const char = text[i]
    if (char === '\n') return i
    if (char === '\\') i++
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass)
      return i + 1 + (/^[a-z]*/.exec(text.slice(i + 1, i + 9))?.[0].length ?? 0)
  }
  return text.length
}

/** The number of the line, from 1, in which `index` lies. */
export function lineOf(text: string, index: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < index; i = text.indexOf('\n', i + 1)) line++
  return line
}
