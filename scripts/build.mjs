// Compiles the sources into dist/ from a clean slate, so that a spawned process never runs a stale file.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(`${root}dist`, { recursive: true, force: true })
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (result.status !== 0) process.exit(result.status ?? 1)
// The library of scenarios is data, which the compiler leaves behind.
cpSync(`${root}simulations/scenarios`, `${root}dist/simulations/scenarios`, { recursive: true })
const cli = `${root}dist/client/cli/main.js`
if (existsSync(cli)) chmodSync(cli, 0o755)
