/** What the sender and its workers share on a node. */
import type { Platform } from '../../platform/platform.ts'
import type { CompletionLane } from './completions.ts'
import type { ConnectContext } from './connect.ts'
import type { Lanes } from './lanes.ts'
import type { Ledger } from './ledger.ts'
import type { NodeLease } from './node-lease.ts'
import type { SessionPool } from './pool.ts'
import type { Signal } from './signal.ts'

export type SenderState = {
  platform: Platform
  context: ConnectContext
  lanes: Lanes
  ledger: Ledger
  pool: SessionPool
  completions: CompletionLane
  lease: NodeLease
  signal: Signal
  isStopping: boolean
}
