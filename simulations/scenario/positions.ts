/** Where in a YAML text a value or a key stands, so that an error can point at it. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { CoveyError } from '../../shared/errors/errors.ts'

/** What is wrong with a scenario, and where: lines and columns count from 1. */
export class ScenarioError extends CoveyError {
  readonly line: number
  readonly column: number

  constructor(source: string, line: number, column: number, message: string, remedy: string) {
    super('E_SCENARIO', `${source}:${line}:${column}: ${message}`, { remedy })
    this.line = line
    this.column = column
  }
}

export type Path = readonly (string | number)[]

/** A YAML document that knows the place of everything in it. */
export class Positions {
  readonly #source: string
  readonly #counter = new LineCounter()
  readonly #document: Document

  /**
   * @param source the file's name, for messages
   * @throws ScenarioError when the text is no YAML
   */
  constructor(text: string, source: string) {
    this.#source = source
    this.#document = parseDocument(text, { lineCounter: this.#counter, prettyErrors: false })
    const [error] = this.#document.errors
    if (error !== undefined) {
      const { line, col } = this.#counter.linePos(error.pos[0])
      throw new ScenarioError(source, line, col, error.message, 'Correct the YAML there')
    }
  }

  /** The content as plain values. */
  content(): unknown {
    return this.#document.toJS({ maxAliasCount: 100 })
  }

  /** An error about the value at a path; about the nearest that exists when it does not. */
  error(path: Path, message: string, remedy: string): ScenarioError {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true)
      if (isNode(node) && node.range) return this.#at(node.range[0], message, remedy)
    }
    return this.#at(0, message, remedy)
  }

  /** An error about a key of the map at a path. */
  keyError(path: Path, key: string, message: string, remedy: string): ScenarioError {
    const map = path.length === 0 ? this.#document.contents : this.#document.getIn(path, true)
    const found = isMap(map)
      ? map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
      : undefined
    if (isScalar(found?.key) && found.key.range) return this.#at(found.key.range[0], message, remedy)
    return this.error(path, message, remedy)
  }

  #at(offset: number, message: string, remedy: string): ScenarioError {
    const { line, col } = this.#counter.linePos(offset)
    return new ScenarioError(this.#source, line, col, message, remedy)
  }
}
