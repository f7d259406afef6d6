/** YAML, of which JSON is a part, as it is read from files and from words of a command line. */
import { closeSync, openSync, readSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { wrongValue } from './values.ts'

/** Bytes that a character of a text, which counts UTF-16, has at most. */
const UTF8_BYTES_MAX = 3

/**
 * Reads the file that `--file` names.
 *
 * @param form what would be right, for errors
 * @throws CoveyError E_USAGE
 */
export function readYamlFile(name: string, charsMax: number, form: string): unknown {
  let text: string
  try {
    text = readText(name, charsMax)
  } catch (error) {
    throw wrongValue('--file', `the file cannot be read: ${(error as Error).message}`, 'Name a readable file')
  }
  if (text.length > charsMax)
    throw wrongValue(name, `it exceeds ${charsMax} characters`, 'Say less in one file')
  return parseYaml(name, text, form)
}

/** The text of a file; of one that is longer than so many characters, or has no end, as much as shows that. */
function readText(name: string, charsMax: number): string {
  const bytes = Buffer.alloc(UTF8_BYTES_MAX * charsMax + 1)
  const file = openSync(name, 'r')
  try {
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null)
    }
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(file)
  }
}

/**
 * What the text says, as it would travel: dates and the like become what JSON has for them.
 *
 * @throws CoveyError E_USAGE that names `where`
 */
export function parseYaml(where: string, text: string, form: string): unknown {
  try {
    const document = parseDocument(text, { logLevel: 'error' })
    // Of an unknown tag or directive there is only a warning, and what it was to mean would be lost.
    const fault = document.errors[0] ?? document.warnings[0]
    if (fault !== undefined) throw fault
    return JSON.parse(JSON.stringify(document.toJS()) ?? 'null')
  } catch (error) {
    // Of all that may go wrong only a circle of aliases is found by JSON.
    if (error instanceof TypeError) throw wrongValue(where, 'something in it contains itself', form)
    const message = (error as Error).message.split('\n')[0]?.replace(/:$/, '')
    throw wrongValue(where, `it is neither YAML nor JSON: ${message}`, form)
  }
}
