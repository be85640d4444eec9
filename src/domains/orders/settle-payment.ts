/** Money has come: orders of a workspace whose payment is due go to their registrars, as far as it goes. */
import type { Platform } from '../../platform/platform.ts'

export async function settleOrders(_platform: Platform, _workspaceId: string): Promise<void> {}
