/**
 * A broker as a process of its own, for tests and supervisors. Options are JSON in the first argument; one line of
 * JSON on stdout says that it is ready and where. SIGTERM and SIGINT end it in order.
 *
 * Exit codes: 0 after a signal, 1 when it could not start.
 */
import pino from 'pino'
import { CoveyError } from '../shared/errors/errors.ts'
import { type BrokerOptions, startBroker } from './broker.ts'

function optionsOf(text: string): BrokerOptions {
  try {
    return JSON.parse(text) as BrokerOptions
  } catch (cause) {
    throw new CoveyError('E_USAGE', 'the options are not JSON', { cause, remedy: 'Give one JSON object' })
  }
}

try {
  const options = optionsOf(process.argv[2] ?? '{}')
  const broker = await startBroker({ ...options, logger: pino({ name: 'broker' }, pino.destination(2)) })
  const { host, port, wsPort, metricsPort, urls } = broker
  process.stdout.write(`${JSON.stringify({ ready: true, host, port, wsPort, metricsPort, urls })}\n`)
  const end = (): void => {
    void broker.close().then(() => process.exit(0))
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
} catch (error) {
  if (!(error instanceof CoveyError)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n${error.remedy}\n`)
  process.exitCode = 1
}
