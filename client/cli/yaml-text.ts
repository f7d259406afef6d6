/** YAML, of which JSON is a part, as it is read from files and from words of a command line. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { wrongValue } from './values.ts'

/**
 * Reads the file that `--file` names.
 *
 * @param form what would be right, for errors
 * @throws CoveyError E_USAGE
 */
export function readYamlFile(name: string, charsMax: number, form: string): unknown {
  let text: string
  try {
    text = readFileSync(name, 'utf8')
  } catch (error) {
    throw wrongValue('--file', `the file cannot be read: ${(error as Error).message}`, 'Name a readable file')
  }
  if (text.length > charsMax)
    throw wrongValue(name, `it exceeds ${charsMax} characters`, 'Say less in one file')
  return parseYaml(name, text, form)
}

/** @throws CoveyError E_USAGE that names `where` */
export function parseYaml(where: string, text: string, form: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw wrongValue(where, `it is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`, form)
  }
}

/** As it would travel: dates and the like become what JSON has for them. */
export function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value) ?? 'null')
}
