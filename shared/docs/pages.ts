/** The generated pages of the documentation: path in the project, and how each is made. */
import { errorsPage } from './errors-page.ts'
import { protocolPage } from './protocol-page.ts'

export const INTRODUCTION = 'shared/docs/protocol-intro.md'

/**
 * All generated pages, path to text.
 *
 * @param read returns the text of a file of the project, given its path from the root
 */
export function pages(read: (path: string) => string): Map<string, string> {
  return new Map([
    ['docs/protocol.md', protocolPage(read(INTRODUCTION))],
    ['docs/errors.md', errorsPage()],
  ])
}
