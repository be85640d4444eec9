/** The routes of what is elsewhere: tenants that run mailboxes, and sequencers that send from them. */
import type { Platform } from '../platform/platform.ts'
import { exportRoutes } from './exports.ts'
import type { Api } from './schemas.ts'
import { sequencerMailboxRoutes } from './sequencer-mailboxes.ts'
import { sequencerRoutes } from './sequencers.ts'
import { serviceConnectionRoutes } from './service-connections.ts'
import { setupRoutes } from './setups.ts'

export function elsewhereRoutes(app: Api, platform: Platform): void {
  serviceConnectionRoutes(app, platform)
  sequencerRoutes(app, platform)
  sequencerMailboxRoutes(app, platform)
  exportRoutes(app, platform)
  setupRoutes(app, platform)
}
