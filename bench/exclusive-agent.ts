/**
 * One agent of the trial of exclusive work: `node dist/bench/exclusive-agent.js <url> <id> <data>`. It beats faster
 * than a mesh does in earnest, so that a lease is over within seconds.
 */
import { runAgent } from '../agent/shell/agent-process.ts'
import { EXCLUSIVE_MESH } from './exclusive.ts'

const [brokerUrl = '', id = '', data = ''] = process.argv.slice(2)
const agent = await runAgent({
  brokerUrl,
  id,
  data,
  mesh: EXCLUSIVE_MESH,
  capacity: { cpu: '4', memory: '1Gi' },
  load: 'own',
  logLevel: 'warn',
  durability: 'process',
  timing: {
    intervalMs: 250,
    heartbeatMs: 250,
    lostGraceMs: 250,
    exclusiveLeaseMs: 1_500,
    reconnectCapMs: 500,
  },
})
process.exitCode = await agent.done
