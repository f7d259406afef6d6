/** Faults of the broker: they strike everybody. */
import type { FaultKind } from './plan.ts'
import type { Effect, Strike } from './strike.ts'

type BrokerKind = Extract<FaultKind, `broker-${string}`>

const goesDown =
  (how: 'crash' | 'wipe'): Effect =>
  (strike) => {
    strike.brokerDown(how)
    strike.undo(() => strike.brokerUp())
  }

export const BROKER_EFFECTS: Readonly<Record<BrokerKind, Effect>> = {
  'broker-stall': ({ world, undo }) => {
    const links = [...world.nodes, ...world.submitters].map(({ link }) => link)
    for (const link of links) for (const direction of ['up', 'down'] as const) link.block(direction)
    undo(() => {
      for (const link of links) for (const direction of ['up', 'down'] as const) link.unblock(direction)
    })
  },
  'broker-restart': goesDown('crash'),
  'broker-wipe': goesDown('wipe'),
  'broker-upgrade': upgrade,
}

/** Stopped in order: nothing is lost. The servers of a cluster are upgraded one after another. */
function upgrade(strike: Strike): void {
  const { broker } = strike.world
  const { servers } = broker.variant
  if (servers === 1) {
    strike.brokerDown('stop')
    strike.undo(() => strike.brokerUp())
    return
  }
  const eachMs = strike.fault.durationMs / servers
  for (let server = 0; server < servers; server++) {
    strike.later(server * eachMs, () => {
      broker.stopServer(server)
      let stopped = true
      const start = (): void => {
        if (stopped) broker.startServer(server)
        stopped = false
      }
      strike.undo(start)
      strike.later(eachMs, start)
    })
  }
}
