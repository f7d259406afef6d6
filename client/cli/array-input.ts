/** The inputs of `covey run --array`: one JSON array, or one JSON value a line. */
import { readFileSync } from 'node:fs'
import { wrongValue } from './values.ts'

const LINES = /\.(?:ndjson|jsonl)$/

/** @throws CoveyError E_USAGE when the file cannot be read */
export function readArrayFile(name: string): string {
  try {
    return readFileSync(name, 'utf8')
  } catch (error) {
    const message = `the file cannot be read: ${(error as Error).message}`
    throw wrongValue('--array', message, 'Name a readable file, or - for standard input')
  }
}

/**
 * @param name of the file that `text` is from; it tells lines from an array where both are possible
 * @throws CoveyError E_USAGE that names the line that is no JSON
 */
export function parseArray(name: string, text: string): unknown[] {
  if (!LINES.test(name)) {
    try {
      const whole: unknown = JSON.parse(text)
      if (Array.isArray(whole)) return whole
    } catch {
      // Not one JSON value: then each line is one, or the line that is not is named.
    }
  }
  const inputs: unknown[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    try {
      inputs.push(JSON.parse(line))
    } catch (error) {
      const message = `line ${index + 1} is not JSON: ${(error as Error).message}`
      throw wrongValue('--array', message, 'Write one JSON array, or one JSON value a line')
    }
  }
  return inputs
}
