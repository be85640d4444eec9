/** Money has come: what is unpaid of a workspace's plan is paid, if it is enough. */
import type { Platform } from '../../platform/platform.ts'

export async function settleSubscription(_platform: Platform, _workspaceId: string): Promise<void> {}
