/** Money has come: mailboxes of a workspace that wait for it, or whose period is unpaid, are paid as far as it goes. */
import type { Platform } from '../../platform/platform.ts'

export async function settleMailboxes(_platform: Platform, _workspaceId: string): Promise<void> {}
