import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseScenario } from './parse.ts'
import { simulationPage } from './reference.ts'
import { runScenario } from './run.ts'

const guide = readFileSync(new URL('./guide.md', import.meta.url), 'utf8')
const page = simulationPage(guide)

/** All keys of a schema, however deep. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const inner = Object.values(schema).flatMap(keysOf)
  const properties = (schema as { properties?: object }).properties
  return properties === undefined ? inner : [...Object.keys(properties), ...inner]
}

describe('docs/simulation.md', () => {
  it('is the guide with the tables that the code gives', async () => {
    await expect(page).toMatchFileSnapshot('../../docs/simulation.md')
  })

  it('has a row for every key of a scenario, each with what it says', async () => {
    const { ScenarioFile } = await import('./schema.ts')
    const rows = [...page.matchAll(/^\| `([^`]+)` \| .* \| (.*) \|$/gm)]
    const told = new Set(rows.map(([, key]) => key?.split('.').at(-1)?.replace('[]', '')))
    const keys = new Set(keysOf(ScenarioFile))
    expect(keys.size).toBeGreaterThan(50)
    for (const key of keys) expect(told, key).toContain(key)
    for (const [row, , about] of rows) expect(about, row).not.toBe('')
  })

  it('shows a scenario that runs and meets what it expects', async () => {
    const [, text = ''] = /```yaml\n([^`]+)```/.exec(guide) ?? []
    const report = await runScenario(parseScenario(text, 'mine.yaml'), { seed: '1', command: '' })
    expect(report.expectations.filter(({ met }) => !met)).toEqual([])
    expect(report.violations).toEqual([])
    expect(report.expectations.length).toBeGreaterThan(5)
  })

  it('shows the error that its example gives', () => {
    const [, text = ''] = /```yaml\n([^`]+)```/.exec(guide) ?? []
    const [, place] = /E_SCENARIO: (mine\.yaml:\d+:\d+: "crush" is not known here)/.exec(guide) ?? []
    expect(() => parseScenario(text.replace('kind: power', 'kind: crush'), 'mine.yaml')).toThrow(place)
  })
})
