/** Writes the generated pages of docs/. Run it from the root of the project: `npm run docs`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pages } from './pages.ts'

for (const [path, text] of pages((file) => readFileSync(file, 'utf8'))) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  console.log(`wrote ${path}`)
}
