/** The platform: what every function of the core is given first. It knows nothing of mail. */
import type pg from 'pg'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Db } from './database.ts'
import type { Dns } from './dns.ts'
import type { ListenerPorts } from './endpoints.ts'
import type { EventBus } from './event-bus.ts'
import type { EventFeed } from './event-feed.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Vault } from './vault.ts'

export type Platform = {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  readonly db: Db
  readonly pool: pg.Pool
  readonly vault: Vault
  readonly dns: Dns
  readonly bus: EventBus
  readonly feed: Pick<EventFeed, 'announce' | 'catchUp'>
  readonly metrics: Metrics
  /** The ports that this node really listens on. */
  readonly ports: ListenerPorts
  /** This process, in the event log. */
  readonly nodeId: string
}
